"""Two stills, zooming in by 12 %, one fading into the other, by moviepy 2: STILL STILL OUT SECONDS PRESET CRF."""

import sys

import numpy as np
from moviepy import AudioClip, CompositeVideoClip, ImageClip, vfx

first, second, out, seconds, preset, crf = sys.argv[1:]
seconds, fade, size = float(seconds), 0.4, (1080, 1920)


def shot(path, start, length):
    still = ImageClip(path).with_duration(length).resized(height=size[1])
    zoomed = still.resized(lambda t: 1 + 0.12 * t / length).with_position("center")
    return CompositeVideoClip([zoomed], size=size).with_duration(length).with_start(start)


half = seconds / 2
clips = [
    shot(first, 0, half + fade / 2),
    shot(second, half - fade / 2, half + fade / 2).with_effects([vfx.CrossFadeIn(fade)]),
]
silence = AudioClip(lambda t: np.zeros((np.size(t), 2)), duration=seconds, fps=48000)
video = CompositeVideoClip(clips, size=size).with_duration(seconds).with_audio(silence)
video.write_videofile(out, fps=30, codec="libx264", preset=preset, audio_codec="aac", threads=2, logger=None,
                      ffmpeg_params=["-crf", crf, "-g", "15", "-bf", "2", "-pix_fmt", "yuv420p"])
