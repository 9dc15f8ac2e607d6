//! The report in a real browser.

use std::{fs, path::Path, process::Command};

use image::GenericImageView;

use super::program::Place;

/// What Chromium makes of a page.
fn chromium(arguments: &[&str], page: &Path) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--allow-file-access-from-files",
        ])
        .args(["--virtual-time-budget=3000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium: `scripts/setup.sh --tests` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The mean brightness of a screenshot, and how many different colours it has.
fn seen(page: &Path, size: &str, scheme: u32) -> (f64, usize) {
    let picture = page.with_file_name(format!("seen-{size}-{scheme}.png"));
    chromium(
        &[
            &format!("--window-size={size}"),
            &format!("--blink-settings=preferredColorScheme={scheme}"),
            &format!("--screenshot={}", picture.display()),
        ],
        page,
    );
    let picture = image::open(picture).unwrap();
    let mut colours = std::collections::BTreeSet::new();
    let mut sum = 0.0;
    for (_, _, image::Rgba([r, g, b, _])) in picture.pixels() {
        sum += (f64::from(r) + f64::from(g) + f64::from(b)) / 3.0;
        colours.insert([r, g, b]);
    }
    (sum / f64::from(picture.width() * picture.height()), colours.len())
}

#[test]
fn the_report_is_one_page_that_any_browser_shows() {
    let place = Place::new("page");
    place.scripts(3);
    fs::write(place.path("scripts/<b>bad.md"), "---\nvoice: <script>alert(1)</script>\n---\nHello.\n")
        .unwrap();
    place.ends("batch scripts -o out --draft", 7);
    let page = place.path("out/report.html");
    let text = fs::read_to_string(&page).unwrap();
    assert!(!text.contains("http:") && !text.contains("https:"), "the page asks the network for something");
    assert!(!text.contains("<script"), "a script's text became part of the page");

    let (light, colours) = seen(&page, "1180,1400", 1);
    let (dark, _) = seen(&page, "1180,1400", 0);
    assert!(light > 170.0 && dark < 90.0, "light {light}, dark {dark}");
    assert!(colours > 500, "only {colours} colours: the pictures are not there");

    // In a frame as wide as a phone nothing runs out at the side, and the videos can be played.
    let frame = place.path("out/frame.html");
    let script = "onload=()=>{let d=f.contentDocument,v=[...d.querySelectorAll('video')];\
        document.title=[d.documentElement.scrollWidth,v.length,v.every(v=>v.poster.length>1000),\
        d.querySelectorAll('rect').length,\
        d.querySelectorAll('.plot polygon,.plot polyline').length,d.querySelector('h1').textContent].join('|')}";
    fs::write(&frame, format!("<title></title><iframe id=f src=report.html width=390 height=800 style='border:0'></iframe><script>{script}</script>")).unwrap();
    let shown = chromium(&["--dump-dom"], &frame);
    let title = shown.split("<title>").nth(1).unwrap().split("</title>").next().unwrap().to_owned();
    let [width, videos, posters, spans, curves, heading] = title.split('|').collect::<Vec<_>>()[..] else {
        panic!("{title}")
    };
    assert_eq!((width, videos, posters), ("390", "3", "true"), "{title}");
    assert!(spans.parse::<usize>().unwrap() >= 18, "{title}");
    // Memory: of all, of the program alone, and as expected.
    assert_eq!(curves, "3", "{title}");
    assert_eq!(heading, "3 of 4 videos are ready, 1 failed");
}
