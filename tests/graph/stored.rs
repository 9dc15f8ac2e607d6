//! Weights in fewer bits: how far the answers are off, and what unpacking them takes.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
};

use shortform::{
    diffusion::{self, Packing},
    engine::{self, Chain, Element, Link, Loaded, Options, Session, Tensor},
    graph::{Document, Stopped, Storage},
    models::Model,
};

use super::{as_f32, bound, inputs, name, off, parts, run};

/// How far an answer may be off for each kind: what one number is off at most, in parts of the largest of its
/// channel (integers) or of itself (floats), eight times over, for the layers it goes through.
fn most(storage: Storage) -> f32 {
    8.0 * match storage {
        Storage::Fp16 => 1.0 / 2048.0,
        Storage::Bf16 => 1.0 / 256.0,
        Storage::Int8 => 1.0 / 254.0,
        Storage::Fp8 => 1.0 / 32.0,
        Storage::Fp8E5m2 => 1.0 / 16.0,
        Storage::Int4 => 1.0 / 14.0,
    }
}

/// The network of `part` with weights of 256 numbers and more stored in `folder`, as read again.
fn stored(part: &Path, storage: Storage, folder: &Path) -> (Document, usize) {
    let planned = Document::read(part).unwrap().store_weights_from(storage, folder, "weights", 256);
    let mut file = BufWriter::new(File::create(folder.join("weights")).unwrap());
    let mut told = Vec::new();
    planned
        .write(&mut file, &mut |done| {
            told.push(done);
            ControlFlow::Continue(())
        })
        .unwrap();
    file.flush().unwrap();
    assert!(told.is_sorted() && told.last().copied().unwrap_or(0) == planned.bytes());
    assert_eq!(fs::metadata(folder.join("weights")).unwrap().len(), planned.bytes());
    let onnx = folder.join("model.onnx");
    fs::write(&onnx, planned.document.to_bytes()).unwrap();
    let read = Document::read(&onnx).unwrap();
    assert_eq!(read.storage(), Some(storage));
    (read, planned.count())
}

/// What a network is given, of as many words as pocket's text encoder takes.
fn inputs_of_pocket(part: &Path, session: &Session) -> Vec<(String, Tensor)> {
    let mut given = inputs(part, session.inputs(), (8, 16));
    if name(part) == "text_encoder" {
        given[0].1 = Tensor::from_f32(ndarray::ArrayD::from_elem(vec![1, 48], 9.0), Element::I64);
    }
    given
}

fn packed(document: &Document, part: &Path) -> Session {
    let mut document = document.clone();
    document.unpack_in_turn();
    Session::from_packed(&document.to_bytes(), part, document.folder(), &Options::default()).unwrap()
}

#[test]
fn each_kind_of_storage_is_off_by_what_its_bits_say() {
    let wanted = ["transformer-sd35", "t5-32", "unet-sd1-fp16", "unet-sd1-external"];
    let pocket = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/pocket/text_encoder/model.onnx");
    let parts = parts().into_iter().filter(|part| wanted.contains(&name(part).as_str()));
    for part in parts.chain([pocket]) {
        let mut plain = Session::open(&part, &Options::default()).unwrap();
        let given = inputs_of_pocket(&part, &plain);
        let answers = run(&mut plain, &given);
        let given = as_f32(given);
        for storage in Storage::ALL {
            let folder = tempfile::tempdir().unwrap();
            let (mut document, count) = stored(&part, storage, folder.path());
            let half = document.widen();
            // What has 16 bits already does not become smaller by 16 others.
            let is_half = ["unet-sd1-fp16", "text_encoder"].contains(&name(&part).as_str());
            let stays = is_half && matches!(storage, Storage::Fp16 | Storage::Bf16);
            assert_eq!(count == 0, stays, "{storage} {}", name(&part));
            assert!(!is_half || half);
            if stays {
                continue;
            }
            let plainly = run(&mut packed(&document, &part), &given);
            let found = spread(&plainly, &answers);
            assert!(found <= most(storage), "{} in {storage} is off by {found}", name(&part));
            assert!(found > 1e-6, "{} in {storage} is not off at all: is it stored?", name(&part));
            // In portions, and in pieces of those, the same.
            let shapes = document.shapes(&bound(&given)).unwrap();
            document.resize_to_skip(&shapes);
            document.fuse_attention(&document.shapes(&bound(&given)).unwrap());
            document.unpack_in_portions_of(1024);
            let portions = off(&run(&mut packed(&document, &part), &given), &plainly);
            assert!(portions <= 2e-5, "{} in portions of {storage} is off by {portions}", name(&part));
            if matches!(storage, Storage::Int8 | Storage::Fp16) {
                let off = off(&in_pieces(&document, &part, &given), &plainly);
                assert!(off <= 2e-5, "{} in pieces of {storage} is off by {off}", name(&part));
            }
        }
    }
}

/// The root of the mean square by which answers are off, in parts of that of the answers.
fn spread(ours: &[(String, Tensor)], theirs: &[(String, Tensor)]) -> f32 {
    let squares = |values: &ndarray::ArrayD<f32>| values.iter().map(|x| x * x).sum::<f32>();
    let each = ours.iter().zip(theirs).map(|((_, ours), (_, theirs))| {
        let (ours, theirs) = (ours.clone().into_f32(), theirs.clone().into_f32());
        (squares(&(&ours - &theirs)) / squares(&theirs)).sqrt()
    });
    each.fold(0.0, f32::max)
}

fn in_pieces(document: &Document, part: &Path, given: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    let (fixed, shapes) = document.bind(&bound(given)).unwrap();
    let pieces = fixed.pieces(&shapes, &fixed.liveness(&shapes).cuts_at_price(0, 0));
    assert!(pieces.len() > 1, "{}", name(part));
    let links = pieces.into_iter().map(|mut piece| {
        piece.document.unpack_in_turn();
        Link {
            onnx: piece.document.to_bytes().into(),
            inputs: piece.inputs,
            outputs: piece.outputs,
            tensors: 8 << 20,
            stays: false,
        }
    });
    let outputs = document.outputs().map(str::to_owned).collect();
    let options = Options::default();
    Chain::new(links.collect(), outputs, part, document.folder(), options, Loaded::One)
        .with_packed_weights()
        .run(given.to_vec())
        .unwrap()
}

#[test]
fn writing_stops_when_somebody_wants_it_to_and_says_what_cannot_be_read() {
    let part = parts().into_iter().find(|part| name(part) == "unet-sd1-external").unwrap();
    let planned =
        Document::read(&part).unwrap().store_weights_from(Storage::Int8, Path::new(""), "weights", 256);
    let stopped = planned.write(&mut Vec::new(), &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(stopped, Stopped::Cancelled), "{stopped}");
    let alone = tempfile::tempdir().unwrap();
    let onnx = alone.path().join("model.onnx");
    fs::copy(&part, &onnx).unwrap();
    let planned =
        Document::read(&onnx).unwrap().store_weights_from(Storage::Int8, Path::new(""), "weights", 256);
    let told = planned.write(&mut Vec::new(), &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(told.contains(&alone.path().display().to_string()), "{told}");
}

/// `pocket`, copied.
fn model(folder: &Path) -> Model {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => copy(&entry.path(), &to),
                false => drop(fs::copy(entry.path(), to).unwrap()),
            }
        }
    }
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/pocket"), folder);
    Model::open("little", folder).unwrap()
}

#[test]
fn weights_are_packed_once_and_again_when_they_are_broken_or_the_model_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let make = |model: &Model| {
        let mut told: Vec<Packing> = Vec::new();
        let stored = diffusion::stored(model, Storage::Int8, &mut |packing| {
            told.push(packing);
            ControlFlow::Continue(())
        });
        (stored.unwrap(), told)
    };
    let digest = model.digest().unwrap();
    let (stored, told) = make(&model);
    assert!(told.last().is_some_and(|last| last.done == last.total && last.broken.is_none()), "{told:?}");
    assert_eq!(model.digest().unwrap(), digest, "what is made is no part of the model");
    let of = |model: &Model, kind: &str| -> PathBuf {
        model.parts.iter().find(|part| part.kind.to_string() == kind).unwrap().file.clone()
    };
    let encoder = of(&stored, "text encoder");
    assert_ne!(encoder, of(&model, "text encoder"));
    assert_eq!(of(&stored, "VAE encoder"), of(&model, "VAE encoder"), "it is small");
    for kind in ["denoiser", "VAE decoder"] {
        let beside = Document::read(&of(&stored, kind)).unwrap();
        assert_eq!((beside.storage(), beside.bytes_within()), (None, 0), "{kind}");
    }
    let (again, told) = make(&model);
    assert_eq!((of(&again, "text encoder"), told.len()), (encoder.clone(), 0));
    // Cut, changed, and gone.
    let data = encoder.with_file_name("model.onnx_data");
    let right = fs::read(&data).unwrap();
    let mut changed = right.clone();
    changed[right.len() / 2] ^= 1;
    for wrong in [Some(&right[..right.len() / 2]), Some(&changed[..]), None] {
        match wrong {
            Some(wrong) => fs::write(&data, wrong).unwrap(),
            None => fs::remove_file(&data).unwrap(),
        }
        let (_, told) = make(&model);
        assert!(told[0].broken.is_some(), "{told:?}");
        assert_eq!(fs::read(&data).unwrap(), right);
    }
    // Interrupted: nothing that looks finished is left, and the next goes on from the start.
    fs::remove_file(&data).unwrap();
    let stop = &mut |packing: Packing| {
        if packing.done > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = diffusion::stored(&model, Storage::Int8, stop).unwrap_err();
    assert!(matches!(stopped, diffusion::Error::PackingCancelled), "{stopped}");
    assert!(!data.exists() && !encoder.with_file_name(".data.part").exists());
    assert!(!make(&model).1.is_empty());
    // Another model in the same folder.
    let config = folder.path().join("unet/config.json");
    let mut text = fs::read_to_string(&config).unwrap();
    text.push('\n');
    fs::write(&config, text).unwrap();
    let (other, told) = make(&Model::open("little", folder.path()).unwrap());
    assert!(!told.is_empty() && of(&other, "text encoder") != encoder);
    assert!(!encoder.exists(), "what was made of the other is removed");
}

#[test]
fn weights_inside_of_a_graph_are_laid_beside_it_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let mut told = 0;
    let beside = diffusion::laid_beside(&model, &mut |packing| {
        assert_eq!((packing.storage, packing.broken), (None, None));
        told += 1;
        ControlFlow::Continue(())
    });
    let beside = beside.unwrap();
    assert!(told > 0);
    let mut laid = 0;
    for (part, old) in beside.parts.iter().zip(&model.parts).filter(|(part, old)| part.file != old.file) {
        laid += 1;
        let (graph, file) = (fs::metadata(&part.file).unwrap(), fs::metadata(&old.file).unwrap());
        assert!(graph.len() < file.len() / 4, "{}: {} of {}", part.kind, graph.len(), file.len());
        assert!(Document::read(&old.file).unwrap().bytes_within() > 1 << 20);
        let mut plain = Session::open(&old.file, &Options::default()).unwrap();
        let given = inputs_of_pocket(&old.file, &plain);
        let answers = run(&mut plain, &given);
        let mut session = Session::open(&part.file, &Options::default()).unwrap();
        let off = off(&run(&mut session, &given), &answers);
        assert!(off <= 1e-5, "{} is off by {off}", part.kind);
    }
    assert_eq!(laid, 3, "text encoder, denoiser and VAE decoder");
    // A second time nothing is written; where nothing can be written, it is said.
    diffusion::laid_beside(&model, &mut |packing| panic!("{packing:?}")).unwrap();
    fs::remove_dir_all(folder.path().join(".stored")).unwrap();
    fs::write(folder.path().join(".stored"), "").unwrap();
    let error = diffusion::laid_beside(&model, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("beside it") && error.contains(".stored"), "{error}");
}

#[test]
fn weights_that_a_file_keeps_in_fewer_bits_by_itself_are_unpacked_late() {
    let pocket = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/pocket");
    let own = ["text_encoder", "unet", "vae_decoder"].map(|part| pocket.join(part).join("model.onnx"));
    let half = parts().into_iter().filter(|part| name(part) == "unet-sd1-fp16");
    for part in half.chain(own) {
        let mut document = Document::read(&part).unwrap();
        document.widen();
        let given = as_f32(inputs_of_pocket(&part, &Session::open(&part, &Options::default()).unwrap()));
        let folder = document.folder();
        let at_once = Session::from_memory(&document.to_bytes(), &part, folder, &Options::default());
        let answers = run(&mut at_once.unwrap(), &given);
        let mut late = document.clone();
        assert!(late.unpack_late_from(256) && late.storage().is_some(), "{}", name(&part));
        assert!(!late.clone().unpack_late_from(256), "there is nothing left to do");
        let off = off(&run(&mut packed(&late, &part), &given), &answers);
        assert!(off <= 1e-5, "{} is off by {off}", name(&part));
        let least = |document: &Document| {
            let (fixed, shapes) = document.bind(&bound(&given)).unwrap();
            fixed.liveness(&shapes).least()
        };
        assert!(least(&late) <= least(&document), "{}", name(&part));
        if name(&part) == "unet" {
            assert!(least(&late) < least(&document) * 3 / 4, "{} {}", least(&late), least(&document));
        }
    }
}

/// Under this name a process measures itself: `in turn` or `at once`.
const MEASURED: &str = "SHORTFORM_TEST_UNPACKING";
const LAYERS: usize = 14;
const CHANNELS: i64 = 512;

/// The proof that the order of the nodes is what keeps memory low: the same network takes all of its weights at
/// once without it.
#[test]
#[cfg(target_os = "linux")]
fn weights_are_unpacked_one_after_the_other() {
    if let Ok(how) = std::env::var(MEASURED) {
        return unpack(&how);
    }
    let peak = |how: &str| -> f64 {
        let this = std::env::current_exe().unwrap();
        let mut command = Command::new(this);
        command.args(["--exact", "stored::weights_are_unpacked_one_after_the_other", "--nocapture"]);
        let output = command.env(MEASURED, how).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let line = text.lines().find_map(|line| line.split_once("peak ")).unwrap_or_else(|| panic!("{text}"));
        line.1.trim().parse().unwrap()
    };
    let (in_turn, at_once) = (peak("in turn"), peak("at once"));
    // Unpacked, a layer has 9 MiB, and its bytes two; the first and the last stay as they are.
    assert!(in_turn < 90.0, "{in_turn} MiB");
    assert!(at_once > in_turn + 60.0, "{at_once} MiB at once, {in_turn} in turn");
}

fn unpack(how: &str) {
    let folder = tempfile::tempdir().unwrap();
    let onnx = convolutions(folder.path());
    let (mut document, count) = stored(&onnx, Storage::Int8, &{
        let packed = folder.path().join("packed");
        fs::create_dir_all(&packed).unwrap();
        packed
    });
    assert_eq!(count, LAYERS - 2);
    engine::load().unwrap();
    let before = engine::process().resident;
    if how == "in turn" {
        document.unpack_in_turn();
    }
    let options = Options::default();
    let mut session = Session::from_packed(&document.to_bytes(), &onnx, document.folder(), &options).unwrap();
    let x =
        Tensor::from_f32(ndarray::ArrayD::from_elem(vec![1, CHANNELS as usize, 16, 16], 0.5), Element::F32);
    session.run(&[("x", x)]).unwrap();
    println!("\npeak {}", (engine::process().peak.unwrap() - before) as f64 / f64::from(1 << 20));
}

/// A network of convolutions, one after the other, written field by field as `onnx.proto3` numbers them.
fn convolutions(folder: &Path) -> PathBuf {
    fn number(tag: u64, value: u64) -> Vec<u8> {
        [varint(tag << 3), varint(value)].concat()
    }
    fn bytes(tag: u64, value: &[u8]) -> Vec<u8> {
        [varint(tag << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
    }
    fn varint(mut value: u64) -> Vec<u8> {
        let mut all = Vec::new();
        while value > 0x7f {
            all.push(value as u8 | 0x80);
            value >>= 7;
        }
        all.push(value as u8);
        all
    }
    let text = |tag, value: &str| bytes(tag, value.as_bytes());
    let dims = [CHANNELS, CHANNELS, 3, 3];
    let each = dims.iter().product::<i64>() as usize * 4;
    let mut graph = text(2, "convolutions");
    let mut data = BufWriter::new(File::create(folder.join("data")).unwrap());
    let names: Vec<String> = (0..=LAYERS)
        .map(|layer| match layer {
            0 => "x".to_owned(),
            LAYERS => "y".to_owned(),
            _ => format!("x{layer}"),
        })
        .collect();
    let mut seed = 1u32;
    for layer in 0..LAYERS {
        let weight = format!("w{layer}");
        let ints = |name: &str, values: &[u64]| {
            let values: Vec<u8> = values.iter().flat_map(|&value| number(8, value)).collect();
            bytes(5, &[text(1, name), values, number(20, 7)].concat())
        };
        graph.extend(bytes(
            1,
            &[
                text(1, &names[layer]),
                text(1, &weight),
                text(2, &names[layer + 1]),
                text(3, &weight),
                text(4, "Conv"),
                ints("pads", &[1, 1, 1, 1]),
                ints("kernel_shape", &[3, 3]),
            ]
            .concat(),
        ));
        let entry = |key: &str, value: String| bytes(13, &[text(1, key), text(2, &value)].concat());
        let shape: Vec<u8> = dims.iter().flat_map(|&dim| number(1, dim as u64)).collect();
        graph.extend(bytes(
            5,
            &[
                shape,
                number(2, 1),
                text(8, &weight),
                entry("location", "data".into()),
                entry("offset", (layer * each).to_string()),
                entry("length", each.to_string()),
                number(14, 1),
            ]
            .concat(),
        ));
        for _ in 0..each / 4 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (seed >> 8) as f32 / 16_777_216.0 - 0.5;
            data.write_all(&(value * 0.03).to_le_bytes()).unwrap();
        }
    }
    data.flush().unwrap();
    for (tag, port) in [(11, "x"), (12, "y")] {
        let shape: Vec<u8> =
            [1, CHANNELS as u64, 16, 16].iter().flat_map(|&dim| bytes(1, &number(1, dim))).collect();
        let tensor = bytes(1, &[number(1, 1), bytes(2, &shape)].concat());
        graph.extend(bytes(tag, &[text(1, port), bytes(2, &tensor)].concat()));
    }
    let model = [number(1, 8), bytes(7, &graph), bytes(8, &[text(1, ""), number(2, 17)].concat())].concat();
    let onnx = folder.join("model.onnx");
    fs::write(&onnx, model).unwrap();
    onnx
}
