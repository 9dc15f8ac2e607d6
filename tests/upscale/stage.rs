//! The stage, with pictures that are already there.

use super::*;
use shortform::{
    pipeline::{self, Pipeline},
    stages::{Cancel, Context, Error, Happening, Kind, Stage, upscale},
    store::Store,
    story::Still,
};

struct Studio {
    models: tempfile::TempDir,
    store: Store,
    _cache: tempfile::TempDir,
    told: String,
}

impl Studio {
    /// With these networks in the folder of models, each in a folder of its own.
    fn with(networks: &[&str]) -> Self {
        let (models, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in networks {
            fs::create_dir(models.path().join(name)).unwrap();
            fs::copy(fixture(name), models.path().join(name).join("model.onnx")).unwrap();
        }
        let store = Store::open(cache.path()).unwrap();
        Self { models, store, _cache: cache, told: String::new() }
    }

    fn still(&self, width: u32, height: u32) -> Still {
        let mut png = std::io::Cursor::new(Vec::new());
        picture(width, height).write_to(&mut png, image::ImageFormat::Png).unwrap();
        let image = self.store.put(png.get_ref()).unwrap();
        Still { scene: 0, size: Size::new(width, height), image }
    }

    fn ctx<T>(&mut self, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
        self.told.clear();
        let told = &mut self.told;
        work(&mut Context {
            stage: Stage::Upscale,
            store: &self.store,
            models_dir: Some(self.models.path().to_owned()),
            draft: false,
            cancel: Cancel::default(),
            tell: &mut |_, happening| match happening {
                Happening::Note { text } | Happening::Warning { text } | Happening::Fallback { text } => {
                    told.push_str(&text);
                    told.push('\n');
                }
                _ => {}
            },
        })
    }

    /// Runs it on one picture; answers the still and how many lay in the store.
    fn run(&mut self, pipeline: &Pipeline, picture: &Still) -> Result<(Still, usize), Error> {
        let pictures = [picture.clone()];
        let hits = self.ctx(|ctx| upscale::cached(pipeline, &pictures, ctx))?.hits;
        Ok((self.ctx(|ctx| upscale::run(pipeline, &pictures, ctx))?.remove(0), hits))
    }
}

fn settings(engine: &str, budget: &str) -> Pipeline {
    with(engine, budget, &[])
}

fn with(engine: &str, budget: &str, more: &[(&str, &str)]) -> Pipeline {
    let sets = [
        ("upscale.engine", engine),
        ("images.model", "another"),
        ("memory.device", "cpu"),
        ("memory.budget", budget),
    ];
    let set = |&(path, value): &(&str, &str)| ("--set".to_owned(), path.to_owned(), value.to_owned());
    let sets = sets.iter().chain(more).map(set).collect();
    pipeline::load(&pipeline::Request { sets, ..pipeline::Request::default() }).unwrap()
}

#[test]
fn a_model_by_name_makes_the_still_and_its_bytes_count() {
    let mut studio = Studio::with(&["x2"]);
    let picture = studio.still(288, 512);
    let by_model = settings("x2", "1GiB");
    let (still, hits) = studio.run(&by_model, &picture).unwrap();
    assert_eq!((still.size, hits), (Size::new(1080, 1920), 0));
    assert!(studio.told.contains("`x2` makes 288x512 576x1024, at once"), "{}", studio.told);
    let png = studio.store.get(still.image).unwrap().unwrap();
    assert_eq!(image::load_from_memory(&png).unwrap().to_rgb8().dimensions(), (1080, 1920));
    assert_eq!(studio.run(&by_model, &picture).unwrap(), (still.clone(), 1));
    let (plain, hits) = studio.run(&settings("lanczos", "1GiB"), &picture).unwrap();
    assert_eq!(hits, 0);
    assert_ne!(plain.image, still.image);
    assert!(studio.told.contains("288x512 to 1080x1920 with lanczos"), "{}", studio.told);
    fs::copy(fixture("free"), studio.models.path().join("x2/model.onnx")).unwrap();
    let (other, hits) = studio.run(&by_model, &picture).unwrap();
    assert_eq!(hits, 0);
    assert_ne!(other.image, still.image);
}

#[test]
fn a_still_is_as_much_larger_as_the_camera_comes_near_and_the_model_makes() {
    let mut studio = Studio::with(&["x4"]);
    let picture = studio.still(288, 512);
    let (still, _) = studio.run(&settings("x4", "1GiB"), &picture).unwrap();
    assert_eq!(still.size, Size::new(1152, 2048));
}

#[test]
fn a_wide_picture_is_cropped_where_its_subject_is_and_the_setting_counts() {
    let mut studio = Studio::with(&[]);
    let wide = RgbImage::from_fn(640, 320, |x, y| match (60..160).contains(&x) && (100..220).contains(&y) {
        true => Rgb([220, 20, 30]),
        false => Rgb([120, 130, 140]),
    });
    let mut png = std::io::Cursor::new(Vec::new());
    wide.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let still = Still { image: studio.store.put(png.get_ref()).unwrap(), ..studio.still(640, 320) };
    let mut reds = |crop: &str, picture: &Still| {
        let pipeline = with("lanczos", "1GiB", &[("upscale.crop", crop)]);
        let (made, hits) = studio.run(&pipeline, picture).unwrap();
        let png = studio.store.get(made.image).unwrap().unwrap();
        let made = image::load_from_memory(&png).unwrap().to_rgb8();
        (made.pixels().filter(|pixel| pixel.0[0] > 150 && pixel.0[1] < 80).count(), hits)
    };
    assert!(reds("subject", &still).0 > 100_000);
    assert_eq!(reds("middle", &still), (0, 0));
    assert_eq!(reds("subject", &still).1, 1);
    // Of the video's own shape nothing is cut off, wherever the subject is.
    let tall = studio.still(288, 512);
    let mut of = |crop: &str| studio.run(&with("lanczos", "1GiB", &[("upscale.crop", crop)]), &tall).unwrap();
    assert_eq!((of("subject").1, of("middle").1), (0, 1));
}

#[test]
fn auto_takes_what_is_installed_else_lanczos_and_says_which() {
    let mut studio = Studio::with(&["x2"]);
    let picture = studio.still(288, 512);
    studio.run(&settings("auto", "1GiB"), &picture).unwrap();
    assert!(studio.told.contains("`x2` makes"), "{}", studio.told);
    let large = studio.still(1080, 1920);
    studio.run(&settings("auto", "1GiB"), &large).unwrap();
    assert!(studio.told.contains("1080x1920 to 1080x1920 with lanczos"), "{}", studio.told);
    let mut bare = Studio::with(&[]);
    let picture = bare.still(288, 512);
    bare.run(&settings("auto", "1GiB"), &picture).unwrap();
    assert!(bare.told.contains("for what `another` draws no upscaling model is installed"), "{}", bare.told);
}

#[test]
fn where_the_model_does_not_fit_lanczos_stands_in_or_it_is_an_error() {
    let mut studio = Studio::with(&["x4"]);
    // The enlarged picture alone takes 87 MiB, and this process some of 64.
    let picture = studio.still(1008, 1792);
    let (auto, named) = (settings("auto", "64MiB"), settings("x4", "64MiB"));
    let (still, _) = studio.run(&auto, &picture).unwrap();
    assert_eq!(still.size, Size::new(1080, 1920));
    assert!(studio.told.contains("in its smallest tiles") && studio.told.contains("lanczos stands in"));
    assert_eq!(studio.run(&auto, &picture).unwrap(), (still, 1));
    assert_eq!(
        studio.run(&settings("lanczos", "64MiB"), &picture).unwrap().1,
        0,
        "what stood in was not asked for"
    );
    let error = studio.run(&named, &picture).unwrap_err();
    assert!(error.kind == Kind::OutOfMemory && error.to_string().contains("--memory-budget"), "{error}");
    studio.ctx(|ctx| upscale::decide(&auto, Size::new(1008, 1792), ctx)).unwrap();
    assert!(studio.told.contains("lanczos stands in"), "{}", studio.told);
    studio.ctx(|ctx| upscale::decide(&settings("x4", "1GiB"), Size::new(288, 512), ctx)).unwrap();
    assert!(studio.told.contains("`x4` makes 288x512 1152x2048, "), "{}", studio.told);
}

#[test]
fn trouble_is_told_by_kind_and_nan_is_no_end_for_auto() {
    let mut studio = Studio::with(&["not_a_number", "same_size"]);
    let mut white = RgbImage::from_pixel(288, 512, Rgb([90; 3]));
    white.put_pixel(200, 300, Rgb([255; 3]));
    let mut png = std::io::Cursor::new(Vec::new());
    white.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let image = studio.store.put(png.get_ref()).unwrap();
    let picture = Still { scene: 0, size: Size::new(288, 512), image };
    let error = studio.run(&settings("not_a_number", "1GiB"), &picture).unwrap_err();
    assert!(error.kind == Kind::Failed && error.to_string().contains("answers NaN"), "{error}");
    studio.run(&settings("auto", "1GiB"), &picture).unwrap();
    assert!(
        studio.told.contains("answers NaN") && studio.told.contains("lanczos stands in"),
        "{}",
        studio.told
    );
    for (name, told) in [("same_size", "cannot enlarge pictures"), ("nowhere", "no model `nowhere`")] {
        let error = studio.run(&settings(name, "1GiB"), &picture).unwrap_err();
        assert!(error.kind == Kind::Missing && error.to_string().contains(told), "{error}");
    }
}
