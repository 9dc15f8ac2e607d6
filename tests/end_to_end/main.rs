//! The real program, from the script to the finished file, judged by other people's tools: ffprobe and
//! ffmpeg read the video, tesseract reads the captions.

mod captions;
mod deliveries;
mod exit_codes;
mod file;
mod film;
mod interruption;
mod program;
mod scripts;
