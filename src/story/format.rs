//! The shapes a video is delivered in, and where each lies on the screen of a phone.

use serde::{Deserialize, Serialize};

use super::{Rect, Size};

/// Width to height of a delivered video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// As high as a phone.
    #[serde(rename = "9:16")]
    Tall,
    /// A portrait in a feed.
    #[serde(rename = "4:5")]
    Portrait,
    /// A square in a feed.
    #[serde(rename = "1:1")]
    Square,
    /// As wide as a screen.
    #[serde(rename = "16:9")]
    Wide,
}

/// What stays free along each edge of a frame that does not fill the screen, as a share of its shorter side.
const MARGIN: f64 = 0.05;

impl Format {
    /// Every format, from the tallest to the widest.
    pub const ALL: [Self; 4] = [Self::Tall, Self::Portrait, Self::Square, Self::Wide];

    /// Its name in pipelines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tall => "9:16",
            Self::Portrait => "4:5",
            Self::Square => "1:1",
            Self::Wide => "16:9",
        }
    }

    /// Its name where no colon may be: in the names of files.
    pub fn plain_name(self) -> String {
        self.name().replace(':', "x")
    }

    /// Its frame on a screen of `screen` pixels: as wide as the screen is on its shorter side, or as high.
    pub fn size(self, screen: Size) -> Size {
        let side = screen.shorter();
        let longer = |times: u32, by: u32| (side * times / by).next_multiple_of(2);
        match self {
            Self::Tall => Size::new(side, longer(16, 9)),
            Self::Portrait => Size::new(side, longer(5, 4)),
            Self::Square => Size::new(side, side),
            Self::Wide => Size::new(longer(16, 9), side),
        }
    }
}

/// What of `area`, a box on a screen of `screen` pixels, lies on a frame of `frame` pixels that is shown in
/// the middle of it and as wide as it is; in the frame's own pixels, and a little away from its edges.
/// A frame of the screen's own shape fills it and has no edges to keep away from.
pub fn shown(area: Rect, screen: Size, frame: Size) -> Rect {
    let across = |at: u32| (u64::from(at) * u64::from(frame.width) / u64::from(screen.width)) as u32;
    if same_shape(screen, frame) {
        let down = |at: u32| (u64::from(at) * u64::from(frame.height) / u64::from(screen.height)) as u32;
        return Rect {
            left: across(area.left),
            top: down(area.top),
            right: across(area.right),
            bottom: down(area.bottom),
        };
    }
    let (wide, high) = (i64::from(frame.width), i64::from(frame.height));
    let above = (i64::from(across(screen.height)) - high) / 2;
    let margin = (f64::from(frame.shorter()) * MARGIN) as i64;
    let inside = |at: i64, most: i64| at.clamp(margin, most - margin) as u32;
    let rect = Rect {
        left: inside(i64::from(across(area.left)), wide),
        top: inside(i64::from(across(area.top)) - above, high),
        right: inside(i64::from(across(area.right)), wide),
        bottom: inside(i64::from(across(area.bottom)) - above, high),
    };
    // Where the box lies wholly above or below the frame, all of the frame is as good.
    match rect.top < rect.bottom && rect.left < rect.right {
        true => rect,
        false => Rect {
            left: margin as u32,
            top: margin as u32,
            right: (wide - margin) as u32,
            bottom: (high - margin) as u32,
        },
    }
}

/// Whether both are of one shape, up to the rounding of their sides.
fn same_shape(a: Size, b: Size) -> bool {
    (a.aspect() / b.aspect() - 1.0).abs() < 0.01
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: Size = Size::new(1080, 1920);

    #[test]
    fn each_format_has_its_shape_and_even_sides() {
        let sizes = Format::ALL.map(|format| format.size(PHONE).to_string());
        assert_eq!(sizes, ["1080x1920", "1080x1350", "1080x1080", "1920x1080"]);
        for format in Format::ALL {
            let (across, down) = format.name().split_once(':').unwrap();
            let wanted = across.parse::<f64>().unwrap() / down.parse::<f64>().unwrap();
            let size = format.size(Size::new(270, 480));
            assert!(size.width % 2 == 0 && size.height % 2 == 0, "{size}");
            assert!((size.aspect() / wanted - 1.0).abs() < 0.01, "{size} for {}", format.name());
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
    }

    #[test]
    fn a_box_keeps_its_place_on_the_screen() {
        let safe = Rect { left: 65, top: 290, right: 853, bottom: 1245 };
        assert_eq!(
            shown(safe, PHONE, Size::new(540, 960)),
            Rect { left: 32, top: 145, right: 426, bottom: 622 }
        );
        // A square of 1080 lies from row 420 to row 1500 of the screen.
        assert_eq!(
            shown(safe, PHONE, Size::new(1080, 1080)),
            Rect { left: 65, top: 54, right: 853, bottom: 825 }
        );
        // A wide frame is shown at 1080x607, from row 656 on, where the box has rows 0 to 1047: the margin's are less.
        assert_eq!(
            shown(safe, PHONE, Size::new(1920, 1080)),
            Rect { left: 115, top: 54, right: 1516, bottom: 1026 }
        );
        // A box that lies above the frame leaves all of it.
        let above = Rect { left: 0, top: 0, right: 1080, bottom: 200 };
        assert_eq!(
            shown(above, PHONE, Size::new(1920, 1080)),
            Rect { left: 54, top: 54, right: 1866, bottom: 1026 }
        );
    }
}
