//! Attention as ONNX's own operator, as newer exporters write it: every pass knows it as it knows attention written out.
//!
//! The networks are those of the other tests, whose attention is written anew: fused by the pass that is proved beside
//! this, and then put as the standard's operator.

use std::{collections::BTreeSet, fs, path::Path, slice};

use prost::Message;
use shortform::graph::{BESIDE_KEYS, BESIDE_VALUES, Document};

use super::{TOLERANCE, as_f32, bound, case, inputs, name, off, parts, read, run, whole};
use onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

#[path = "../../src/graph/onnx.rs"]
mod onnx;

/// The first set of operators that has it.
const SET: i64 = 23;

/// How the operator's tensors lie.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    /// (batch, tokens, heads * width), and the number of heads told.
    Joined,
    /// (batch, heads, tokens, width).
    Apart,
}

fn integer(name: &str, integer: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: Some(integer), r#type: 2, ..Default::default() }
}

fn integers(name: &str, integers: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: integers.to_vec(), r#type: 7, ..Default::default() }
}

fn constant(name: &str, numbers: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![numbers.len() as i64],
        data_type: 7,
        int64_data: numbers.to_vec(),
        ..Default::default()
    }
}

fn node(kind: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: kind.into(),
        name: output.into(),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute,
        ..Default::default()
    }
}

/// The nodes that do what `fused`, a `MultiHeadAttention`, does.
fn standard(
    fused: &NodeProto,
    lie: Lie,
    told: &[AttributeProto],
    constants: &mut Vec<TensorProto>,
) -> Vec<NodeProto> {
    let of = |name: &str| fused.attribute.iter().find(|attribute| attribute.name == name);
    let heads = of("num_heads").unwrap().i.unwrap();
    let mut attributes: Vec<_> = of("scale").cloned().into_iter().chain(told.iter().cloned()).collect();
    let [queries, keys, values] = [0, 1, 2].map(|place| fused.input[place].as_str());
    let answer = fused.output[0].as_str();
    if lie == Lie::Joined {
        attributes.extend([integer("q_num_heads", heads), integer("kv_num_heads", heads)]);
        return vec![node("Attention", &[queries, keys, values], answer, attributes)];
    }
    let mut made = Vec::new();
    let mut apart = |tensor: &str, letter: &str| {
        let (shape, split) = (format!("{answer}.{letter}.shape"), format!("{answer}.{letter}.split"));
        let laid = format!("{answer}.{letter}");
        constants.push(constant(&shape, &[0, 0, heads, -1]));
        made.push(node("Reshape", &[tensor, &shape], &split, vec![]));
        made.push(node("Transpose", &[&split], &laid, vec![integers("perm", &[0, 2, 1, 3])]));
        laid
    };
    let laid = [apart(queries, "q"), apart(keys, "k"), apart(values, "v")];
    let [attended, turned, shape] = ["attended", "turned", "shape"].map(|part| format!("{answer}.{part}"));
    constants.push(constant(&shape, &[0, 0, -1]));
    made.push(node("Attention", &laid.each_ref().map(String::as_str), &attended, attributes));
    made.push(node("Transpose", &[&attended], &turned, vec![integers("perm", &[0, 2, 1, 3])]));
    made.push(node("Reshape", &[&turned, &shape], answer, vec![]));
    made
}

/// From the set of operators 18 on, reductions take their axes as an input.
fn axes_as_input(graph: &mut GraphProto) {
    for node in graph.node.iter_mut().filter(|node| node.op_type.starts_with("Reduce")) {
        if let Some(at) = node.attribute.iter().position(|attribute| attribute.name == "axes") {
            let name = format!("{}.axes", node.output[0]);
            graph.initializer.push(constant(&name, &node.attribute.remove(at).ints));
            node.input.push(name);
        }
    }
}

/// `fused` with each `MultiHeadAttention` as the standard's operator, which is `told` more.
fn rewritten(fused: &Document, lie: Lie, told: &[AttributeProto]) -> Document {
    let mut model = ModelProto::decode(&fused.to_bytes()[..]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let mut nodes = Vec::new();
    for node in std::mem::take(&mut graph.node) {
        match node.op_type.as_str() {
            "MultiHeadAttention" => nodes.extend(standard(&node, lie, told, &mut graph.initializer)),
            _ => nodes.push(node),
        }
    }
    graph.node = nodes;
    let set = model.opset_import.iter_mut().find(|set| set.domain.is_empty()).unwrap();
    if set.version < 18 {
        axes_as_input(graph);
    }
    set.version = set.version.max(SET);
    model.ir_version = model.ir_version.max(10);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("model.onnx");
    fs::write(&file, model.encode_to_vec()).unwrap();
    Document::read(&file).unwrap()
}

/// How many nodes of that kind there are.
fn count(document: &Document, kind: &str) -> usize {
    document.graph().nodes.iter().filter(|node| node.kind == kind).count()
}

/// The networks that attend, whose weights lie inside of the file: each written anew, and fused as it was.
fn each(lie: Lie, mut see: impl FnMut(&Path, super::Case, Document, Document)) {
    let mut seen = BTreeSet::new();
    for part in parts() {
        let case = case(&part);
        let mut fused = case.document.clone();
        fused.fuse_attention(&fused.shapes(&bound(&case.given)).unwrap());
        if !fused.weights_beside().is_empty() || fused.fused_attentions() == 0 {
            continue;
        }
        let document = rewritten(&fused, lie, &[]);
        seen.insert(name(&part).split('-').next().unwrap().to_owned());
        see(&part, case, document, fused);
    }
    assert!(seen.is_superset(&["transformer", "unet", "vae"].map(str::to_owned).into()), "{seen:?}");
}

#[test]
fn standard_attention_is_fused_and_answers_the_same_in_less_memory() {
    for lie in [Lie::Joined, Lie::Apart] {
        each(lie, |part, case, mut document, fused| {
            let found = off(&run(&mut whole(&document, part), &case.given), &case.answers);
            assert!(found <= case.tolerance, "{} as written is off by {found}", name(part));
            let all = fused.fused_attentions();
            assert_eq!(document.fuse_attention(&document.shapes(&bound(&case.given)).unwrap()), all);
            assert_eq!((document.fused_attentions(), count(&document, "Attention")), (all, 0));
            let found = off(&run(&mut whole(&document, part), &case.given), &case.answers);
            assert!(found <= case.tolerance, "{} of {lie:?} is off by {found}", name(part));
            // What laid heads apart is gone.
            let [ours, before] = [&document, &fused].map(|document| document.graph().nodes.len());
            assert_eq!(ours, before, "{} of {lie:?}", name(part));
        });
    }
    // At a size where scores are most of what is held.
    let part = parts().into_iter().find(|part| name(part) == "unet-sd1").unwrap();
    let (mut document, _) = read(&part);
    let ports = whole(&document, &part).inputs().to_vec();
    let large = bound(&inputs(&part, &ports, (64, 64)));
    document.fuse_attention(&document.shapes(&large).unwrap());
    let held = |document: &Document| {
        let (fixed, shapes) = document.bind(&large).unwrap();
        fixed.liveness(&shapes).peak()
    };
    let standard = rewritten(&document, Lie::Apart, &[]);
    assert!(held(&document) < held(&standard) / 4, "{} of {}", held(&document), held(&standard));
}

#[test]
fn standard_attention_is_sliced_and_answers_the_same() {
    for lie in [Lie::Joined, Lie::Apart] {
        each(lie, |part, case, mut document, fused| {
            let sliced = document.slice_attention(&document.shapes(&bound(&case.given)).unwrap(), 1 << 12);
            assert!(
                sliced > 0 && count(&document, "Attention") + sliced == fused.fused_attentions(),
                "{}",
                name(part)
            );
            let found = off(&run(&mut whole(&document, part), &case.given), &case.answers);
            assert!(found <= case.tolerance, "{} of {lie:?} is off by {found}", name(part));
        });
    }
}

#[test]
fn what_attends_beside_standard_attention_answers_what_it_does_beside_one_written_out() {
    const TOKENS: u64 = 4;
    let told = "encoder_hidden_states";
    let part = parts().into_iter().find(|part| name(part) == "unet-sd1").unwrap();
    let (plain, _) = read(&part);
    let ports = whole(&plain, &part).inputs().to_vec();
    let given = as_f32(inputs(&part, &ports, (8, 16)));
    let mut fused = plain.clone();
    fused.fuse_attention(&plain.shapes(&bound(&given)).unwrap());
    let answer = |mut document: Document| {
        let widths = document.attend_beside(&document.shapes(&bound(&given)).unwrap(), told, TOKENS);
        let mut session = whole(&document, &part);
        let beside: Vec<_> = session.inputs().to_vec();
        let beside = beside.into_iter().filter(|port| [BESIDE_KEYS, BESIDE_VALUES].contains(&&*port.name));
        let beside: Vec<_> = beside.collect();
        let mut given = given.clone();
        given.extend(inputs(&part, &beside, (8, 16)));
        let whole = run(&mut session, &given);
        (widths, whole)
    };
    let (widths, answers) = answer(plain.clone());
    assert!(widths.len() > 1);
    for lie in [Lie::Joined, Lie::Apart] {
        let (same, ours) = answer(rewritten(&fused, lie, &[]));
        assert_eq!(same, widths);
        let found = off(&ours, &answers);
        assert!(found <= TOLERANCE, "of {lie:?} off by {found}");
    }
}

#[test]
fn standard_attention_that_does_more_stays() {
    let softcap = AttributeProto { name: "softcap".into(), f: Some(20.0), r#type: 1, ..Default::default() };
    for told in [integer("is_causal", 1), softcap] {
        let part = parts().into_iter().find(|part| name(part) == "unet-sd1").unwrap();
        let mut case = case(&part);
        case.document.fuse_attention(&case.document.shapes(&bound(&case.given)).unwrap());
        for lie in [Lie::Joined, Lie::Apart] {
            let mut document = rewritten(&case.document, lie, slice::from_ref(&told));
            let shapes = document.shapes(&bound(&case.given)).unwrap();
            assert_eq!(
                document.fuse_attention(&shapes) + document.slice_attention(&shapes, 1),
                0,
                "{told:?}"
            );
            assert_eq!(count(&document, "Attention"), case.document.fused_attentions());
        }
    }
}
