//! One process that draws: what is refused, what is kept, what is given back.

use std::{
    ops::ControlFlow,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ndarray::{Array3, Array4};
use shortform::{
    diffusion::{
        Denoiser, Error, Footprints, Geometry, Noise, Options, Picture, Request, TextToImage, Told, Unit, Way,
    },
    engine::{self, Bytes, Limit, Loaded, Point, Residency},
    models::{Catalog, Model, PartKind},
    story::{Seed, Size},
};

/// The limit and the memory are the whole process's: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pocket() -> Model {
    let nothing_else = tempfile::tempdir().unwrap();
    Catalog::new(Some(nothing_else.path().to_owned())).find("pocket").unwrap()
}

fn request(seed: u64) -> Request {
    let noise = Noise::Seed(Seed(seed));
    Request { inference_steps: 2, noise, ..Request::new("a red bicycle in the snow", Size::new(96, 160)) }
}

fn draw(drawer: &mut TextToImage, request: &Request) -> Result<Picture, Error> {
    let pictures = drawer.generate(request, &mut |_| ControlFlow::Continue(()));
    pictures.map(|mut pictures| pictures.swap_remove(0))
}

fn is_out_of_memory(error: &Error) -> bool {
    matches!(error, Error::Engine(engine::Error::OutOfMemory { .. }))
}

#[test]
fn what_goes_beyond_the_limit_is_refused_and_can_be_had_later() {
    let _alone = alone();
    let model = pocket();
    let before = engine::tensors();
    let mut drawer = TextToImage::open(&model, Options::default()).unwrap();
    let limit = Limit::of(8 << 20);
    let error = draw(&mut drawer, &request(1)).unwrap_err();
    assert!(is_out_of_memory(&error), "{error}");
    let refused = engine::tensors();
    assert!(refused.refused > before.refused, "{refused:?}");
    assert!(refused.held <= before.held + (8 << 20), "{refused:?}");
    drop(limit);
    // A limit that is far away: all is counted, and nothing refused.
    let limit = Limit::of(1 << 40);
    let first = draw(&mut drawer, &request(1)).unwrap();
    assert!(engine::tensors().peak > before.held + (16 << 20), "{:?}", engine::tensors());
    drop(drawer);
    assert_eq!(engine::tensors().held, before.held, "what was taken is given back");
    drop(limit);
    // Without one the picture is the same.
    assert_eq!(
        draw(&mut TextToImage::open(&model, Options::default()).unwrap(), &request(1)).unwrap(),
        first
    );
}

/// Above what tensors take, a forecast has room for what a process takes beside them.
#[test]
fn pieces_hold_what_was_foretold() {
    let _alone = alone();
    let model = pocket();
    let (geometry, options) = (Geometry::of(&model).unwrap(), engine::Options::default());
    let part = model.part(PartKind::Denoiser).unwrap();
    let mut told = Told::rows(2);
    told.each("encoder_hidden_states", Array3::from_elem((2, 77, 160), 0.1).into_dyn());
    let size = Size::new(1080, 1920);
    for rows in [1, 2] {
        let demands = Footprints::read(&model, &geometry, options).unwrap().demands(size, rows);
        let foretold = demands.iter().find(|demand| demand.part == "denoiser").unwrap().least;
        let limit = Limit::of(1 << 40);
        let mut denoiser = Denoiser::open(part, model.family, &options, Way::Pieces(0, Loaded::One)).unwrap();
        let latents = Array4::from_elem(geometry.latent_shape(size), 0.5);
        let before = engine::tensors();
        denoiser.predict(&latents, 501.0, &told, rows as usize).unwrap();
        let took = engine::tensors().peak - before.held;
        drop((denoiser, limit));
        let is_near = took <= foretold && foretold < took * 5 / 4;
        assert!(is_near, "{size} in {rows}: {} of {}", Bytes(took), Bytes(foretold));
    }
}

#[test]
fn latents_that_could_not_be_decoded_are_not_drawn_again() {
    let _alone = alone();
    let model = pocket();
    let request = request(2);
    let options = Options::default();
    let expected = draw(&mut TextToImage::open(&model, options).unwrap(), &request).unwrap();
    let mut drawer = TextToImage::open(&model, options).unwrap();
    let mut limit = None;
    let failed = drawer.generate(&request, &mut |progress| {
        if (progress.unit, progress.done) == (Unit::Steps, progress.total) {
            limit = Some(Limit::of(0));
        }
        ControlFlow::Continue(())
    });
    assert!(failed.is_err_and(|error| is_out_of_memory(&error)));
    drop(limit);
    let undecoded = drawer.take_undecoded();
    assert!(undecoded.is_some());
    let mut other = TextToImage::open(&model, options).unwrap();
    other.go_on_with(undecoded);
    let mut steps = 0;
    let pictures = other.generate(&request, &mut |_| {
        steps += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((pictures.unwrap().swap_remove(0), steps), (expected, 0));
}

#[test]
fn twenty_pictures_in_a_row_take_what_two_take() {
    let _alone = alone();
    let model = pocket();
    for residency in [Residency::Resident, Residency::Model, Residency::Sequential] {
        let options = Options { residency, limit: 0, ..Options::default() };
        let mut drawer = TextToImage::open(&model, options).unwrap();
        let mut after = Vec::new();
        for seed in 0..20 {
            draw(&mut drawer, &request(seed)).unwrap();
            after.push(engine::process().resident);
        }
        let (second, last) = (after[1] as f64, after[19] as f64);
        println!(
            "{residency}: {:.1} MiB after the 2nd, {:.1} after the 20th",
            second / 1048576.0,
            last / 1048576.0
        );
        assert!(last <= second * 1.03, "{residency}: {after:?}");
    }
}

#[test]
fn an_arena_says_what_it_holds() {
    let _alone = alone();
    drop(engine::take_measured());
    let mut drawer = TextToImage::open(&pocket(), Options::default()).unwrap();
    draw(&mut drawer, &request(3)).unwrap();
    drop(drawer);
    for measured in engine::take_measured() {
        let arena = measured.points[&Point::AfterRun].arena.expect("what is loaded at once has an arena");
        assert!(arena.most > 0 && arena.used <= arena.most && arena.most <= arena.held, "{measured}");
        let told = measured.to_string();
        let after = measured.points[&Point::AfterRun];
        assert!(told.contains(&format!("arena {} with", Bytes(arena.held))), "{told}");
        assert!(told.contains(&format!("after run (tensors {}", Bytes(after.tensors))), "{told}");
        assert!(after.peak.is_none_or(|peak| told.contains(&format!("peak {}", Bytes(peak)))), "{told}");
    }
}

#[test]
fn every_point_in_the_life_of_a_model_is_measured() {
    let _alone = alone();
    let _limit = Limit::of(1 << 40);
    for residency in Residency::ALL {
        drop(engine::take_measured());
        let held = engine::tensors().held;
        let options = Options { residency, limit: 0, ..Options::default() };
        let mut drawer = TextToImage::open(&pocket(), options).unwrap();
        draw(&mut drawer, &request(3)).unwrap();
        drop(drawer);
        // As many as there are parts, however many pieces were loaded.
        let measured = engine::take_measured();
        let parts: Vec<&str> = measured.iter().map(|measured| measured.part.as_str()).collect();
        assert_eq!(parts, ["text_encoder", "unet", "vae_decoder"], "{residency}");
        for part in &measured {
            for point in Point::ALL.into_iter().filter(|point| *point != Point::OnError) {
                assert!(part.points.contains_key(&point), "{residency}: no {point}: {part}");
            }
            let at = |point| part.points[&point];
            // Pieces read their weights where they lie: those are no tensors.
            if residency == Residency::Resident {
                assert!(at(Point::AfterLoad).tensors > at(Point::BeforeLoad).tensors, "{part}");
            }
            assert!(
                at(Point::AfterRun).peak.is_none_or(|peak| peak >= at(Point::AfterRun).resident),
                "{part}"
            );
        }
        assert_eq!(measured[1].runs, 2, "{residency}: two rows at once, two steps");
        // The last one to be given back.
        assert_eq!(measured[2].points[&Point::AfterRelease].tensors, held, "{residency}");
    }
}
