use std::fs;

use gtt_ir::{DType, Tensor};

use super::bundle::{Bundle, F32, floats};
use super::slice::Extent;
use super::{Checkpoint, locate};
use crate::ErrorKind;
use crate::source::Source;

fn usual() -> Bundle {
    Bundle::new(2)
        .tensor("conv/kernel", F32, &[2, 3], 0, &floats(&[1., 2., 3., 4., 5., 6.]))
        .tensor("conv/bias", 19, &[2], 1, &[0, 0x3c, 0, 0x40])
        .tensor("scale", 14, &[], 1, &[0x80, 0x3f])
        .tensor("global_step", 9, &[], 0, &7i64.to_le_bytes())
        .tensor("empty", F32, &[0, 4], 0, &[])
        .strings("names", &[3], &[b"a", b"", b"sea"])
        .partitioned(
            "table",
            &[4, 2],
            &[(&[Some((0, 3)), None], &[3, 2], &[0., 1., 2., 3., 4., 5.]), (&[Some((3, 1)), None], &[1, 2], &[6., 7.])],
        )
}

fn read(bundle: &Bundle) -> (tempfile::TempDir, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(&bundle.write(folder.path())).unwrap();
    (folder, checkpoint)
}

fn refused(bundle: &Bundle, key: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let opened = Checkpoint::open(&bundle.write(folder.path()));
    let error = opened.and_then(|checkpoint| checkpoint.tensor(key)).unwrap_err();
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn tensors_of_all_kinds_are_read() {
    let (_folder, checkpoint) = read(&usual());
    let keys = ["conv/bias", "conv/kernel", "empty", "global_step", "names", "scale", "table"];
    assert_eq!(checkpoint.keys(), keys);
    assert_eq!(checkpoint.info("conv/kernel"), Some((Some(DType::F32), &[2, 3][..])));
    assert_eq!(checkpoint.info("nothing"), None);
    let kernel = checkpoint.tensor("conv/kernel").unwrap();
    assert_eq!(kernel.to_vec::<f32>().unwrap(), [1., 2., 3., 4., 5., 6.]);
    assert!(gtt_wire::is_of_file(&kernel.bytes().unwrap()));
    assert_eq!(checkpoint.tensor("conv/bias").unwrap().to_f64s().unwrap(), [1., 2.]);
    assert_eq!(checkpoint.tensor("scale").unwrap().to_f64s().unwrap(), [1.]);
    assert_eq!(checkpoint.tensor("global_step").unwrap().to_i64s().unwrap(), [7]);
    assert_eq!(checkpoint.tensor("empty").unwrap().shape(), [0, 4]);
    assert_eq!(checkpoint.tensor("names").unwrap().strings().unwrap(), ["a", "", "sea"]);
}

#[test]
fn a_compressed_index_is_read() {
    let (_folder, checkpoint) = read(&Bundle { is_compressed: true, ..usual() });
    assert_eq!(checkpoint.tensor("conv/kernel").unwrap().len(), 6);
}

#[test]
fn parts_are_put_together_and_single_parts_are_not_copied() {
    let (_folder, checkpoint) = read(&usual());
    let values = |slice: &str| checkpoint.tensor_slice("table", slice).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(values(""), [0., 1., 2., 3., 4., 5., 6., 7.]);
    assert_eq!(values("4 2 2,2:-"), [4., 5., 6., 7.]);
    assert_eq!(values("4 2 1,3:1,1"), [3., 5., 7.]);
    let part = checkpoint.tensor_slice("table", "4 2 0,3:0,2").unwrap();
    assert!(part.shape() == [3, 2] && gtt_wire::is_of_file(&part.bytes().unwrap()));
    assert_eq!(checkpoint.tensor_slice("conv/kernel", "2 3 1,1:-").unwrap().to_vec::<f32>().unwrap(), [4., 5., 6.]);
    let error = checkpoint.tensor_slice("table", "5 2 0,3:0,2").unwrap_err().to_string();
    assert!(error.ends_with("its shape is [4, 2], but the graph asks for a slice of [5, 2]"), "{error}");
    assert!(checkpoint.tensor_slice("table", "4 2 3,2:-").is_err());
}

#[test]
fn numbers_of_the_other_byte_order_are_turned_round() {
    let bundle = Bundle { is_big_endian: true, ..Bundle::new(1) };
    let bytes: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| value.to_be_bytes()).collect();
    let (_folder, checkpoint) = read(&bundle.tensor("x", F32, &[2], 0, &bytes));
    assert_eq!(checkpoint.tensor("x").unwrap(), Tensor::vector(&[1.5f32, -2.0]));
}

#[test]
fn a_checkpoint_is_found_by_any_of_its_files_and_by_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = usual().write(folder.path());
    for suffix in ["", ".index", ".data-00001-of-00002", ".meta"] {
        assert!(Checkpoint::open(&locate::with_suffix(&prefix, suffix)).is_ok(), "{suffix}");
    }
    assert_eq!(Checkpoint::open(folder.path()).unwrap_err().kind(), ErrorKind::Io);
    let state = folder.path().join("checkpoint");
    fs::write(&state, "model_checkpoint_path: \"/elsewhere/model.ckpt\"\nall_model_checkpoint_paths: \"x\"\n").unwrap();
    assert!(Checkpoint::open(folder.path()).is_ok() && Checkpoint::open(&state).is_ok());
    fs::write(&state, "model_checkpoint_path: \"gone\"").unwrap();
    assert!(Checkpoint::open(folder.path()).unwrap_err().to_string().contains("`gone.index` is not there"));
    let missing = Checkpoint::open(&folder.path().join("modle.ckpt")).unwrap_err().to_string();
    assert!(missing.contains("modle.ckpt.index` is not there"), "{missing}");
}

#[test]
fn what_is_broken_is_named_by_file_and_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = usual().write(folder.path());
    fs::remove_file(locate::with_suffix(&prefix, ".data-00001-of-00002")).unwrap();
    let checkpoint = Checkpoint::open(&prefix).unwrap();
    assert!(checkpoint.tensor("conv/kernel").is_ok());
    assert!(checkpoint.check_files().unwrap_err().to_string().ends_with("` is not there"));
    let error = checkpoint.tensor("conv/bias").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let said = error.to_string();
    assert!(
        said.contains("tensor `conv/bias`") && said.contains("model.ckpt.data-00001-of-00002` is not there"),
        "{said}"
    );

    let mut bundle = usual();
    bundle.shards[0].truncate(10);
    assert_eq!(
        refused(&bundle, "conv/kernel"),
        "tensor `conv/kernel` of checkpoint `model.ckpt`: it takes 24 bytes from byte 0 on, but `model.ckpt.data-00000-of-00002` ends \
         after 10: the file is cut short"
    );
    let mut bundle = usual();
    bundle.shards[0][5] ^= 1;
    assert_eq!(
        refused(&bundle, "conv/kernel"),
        "tensor `conv/kernel` of checkpoint `model.ckpt`: its checksum is wrong: bytes 0 to 24 of \
         `model.ckpt.data-00000-of-00002` are damaged"
    );
    assert_eq!(
        refused(&usual(), "conv/kernels"),
        "the checkpoint `model.ckpt` has no tensor `conv/kernels`; similar: `conv/kernel`"
    );
    let short = usual().tensor("x", F32, &[3], 0, &[0; 8]);
    assert!(refused(&short, "x").ends_with("8 bytes are not what f32[3] takes"));
    let opened = Checkpoint::open(&short.write(folder.path())).unwrap();
    let said = opened.check_files().unwrap_err().to_string();
    assert!(said.starts_with("tensor `x` of") && said.ends_with("8 bytes are not what f32[3] takes"), "{said}");
    let (_whole, checkpoint) = read(&usual());
    checkpoint.check_files().unwrap();
    assert!(
        refused(&usual().tensor("x", 21, &[], 0, &[0; 8]), "x").ends_with("it is a variant, which gtt cannot read")
    );
    assert!(refused(&usual().tensor("x", 99, &[], 0, &[0; 8]), "x").contains("(number 99)"));
    let huge = usual().tensor("x", F32, &[1 << 40, 1 << 40], 0, &[]);
    assert!(refused(&huge, "x").contains("too many elements"));
    let mut bundle = usual();
    bundle.entries.insert(b"x".to_vec(), Bundle::entry(F32, &[1], 5, (0, 4), 0));
    assert!(refused(&bundle, "x").ends_with("it lies in data file number 5, but there are 2"));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let part = |parts: &[(&[Extent], &[u64], &[f32])]| refused(&Bundle::new(1).partitioned("x", &[2], parts), "x");
    assert!(part(&[(&[Some((0, 1))], &[1], &[1.])]).ends_with("its parts do not cover it"));
    assert!(part(&[(&[Some((0, 2))], &[2], &[1., 2.]), (&[Some((1, 1))], &[1], &[2.])]).ends_with("its parts overlap"));
    assert!(
        part(&[(&[Some((1, 2))], &[2], &[1., 2.])]).ends_with("the slice 1,2 does not lie in a tensor of shape [2]")
    );
    assert!(part(&[(&[Some((0, 2))], &[1], &[1.])]).ends_with("part 0,2: its type or shape is another one ([1])"));
    let mut gone = Bundle::new(1).partitioned("x", &[2], &[(&[None], &[2], &[1., 2.])]);
    gone.entries.retain(|key, _| key == b"x");
    assert!(refused(&gone, "x").ends_with("part -: it is not in the checkpoint"));
}

#[test]
fn another_kind_of_file_is_no_index() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("x");
    let index = locate::with_suffix(&prefix, ".index");
    for content in [&b""[..], b"hello", &[0; 60]] {
        fs::write(&index, content).unwrap();
        let said = Checkpoint::open(&prefix).unwrap_err().to_string();
        assert!(said.starts_with("checkpoint index `") && said.contains("cut short"), "{said}");
    }
    fs::write(&prefix, usual().index()).unwrap();
    fs::remove_file(&index).unwrap();
    let error = Checkpoint::open(&prefix).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("V1 format"), "{error}");
}

/// Every byte of an index is under a checksum or leads to one that is not right, so that damage is found; whatever it is, it is
/// no panic.
#[test]
fn damage_anywhere_is_an_error_and_never_a_panic() {
    let bundle = usual();
    let folder = tempfile::tempdir().unwrap();
    let prefix = bundle.write(folder.path());
    let index = locate::with_suffix(&prefix, ".index");
    let whole = fs::read(&index).unwrap();
    let sound = |checkpoint: &Checkpoint| checkpoint.keys().iter().all(|key| checkpoint.tensor(key).is_ok());
    let open = |content: Vec<u8>| Checkpoint::decode(prefix.clone(), &Source::new(content.into()));
    for length in 0..whole.len() {
        assert!(open(whole[..length].to_vec()).is_err(), "cut to {length}");
    }
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            // Only the padding of the footer means nothing, and the number before it may be written longer than it need be.
            let padding = whole.len() - 48 + 5..whole.len() - 8;
            assert!(open(damaged).is_err() || padding.contains(&at), "byte {at}");
        }
    }
    assert!(sound(&Checkpoint::open(&prefix).unwrap()));
    let data = locate::with_suffix(&prefix, ".data-00000-of-00002");
    let bytes = fs::read(&data).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&data, damaged).unwrap();
        assert!(!sound(&Checkpoint::open(&prefix).unwrap()), "byte {at}");
        fs::write(&data, &bytes[..at]).unwrap();
        assert!(!sound(&Checkpoint::open(&prefix).unwrap()), "cut to {at}");
    }
}

/// Entries whose checksums are right but whose content is nonsense.
#[test]
fn nonsense_under_good_checksums_is_an_error_and_never_a_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..400 {
        let mut bundle = usual();
        let keys: Vec<Vec<u8>> = bundle.entries.keys().cloned().collect();
        let message = bundle.entries.get_mut(&keys[random() % keys.len()]).unwrap();
        for _ in 0..=random() % 3 {
            let at = random() % message.len();
            message[at] = random() as u8;
        }
        let folder = tempfile::tempdir().unwrap();
        if let Ok(checkpoint) = Checkpoint::open(&bundle.write(folder.path())) {
            for key in checkpoint.keys() {
                let _ = checkpoint.tensor(key);
            }
        }
    }
}
