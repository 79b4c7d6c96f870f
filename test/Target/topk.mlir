// Every chip and the CPU compile mqa.topk.
// RUN: mqa-compile %S/../Examples/topk_of_logits.mlir --target=sm_90a --emit=ptx -o %t.90.ptx
// RUN: FileCheck %s --check-prefixes=ALL,TWO,SM90 --input-file=%t.90.ptx
// RUN: mqa-compile %S/../Examples/topk_of_logits.mlir --target=sm_80 --emit=ptx -o %t.80.ptx
// RUN: FileCheck %s --check-prefixes=ALL,TWO --input-file=%t.80.ptx
// RUN: mqa-compile %S/../Examples/topk_of_logits.mlir --target=sm_120 --emit=ptx -o %t.120.ptx
// RUN: FileCheck %s --check-prefixes=ALL,ONE --input-file=%t.120.ptx
// RUN: mqa-compile %S/../Examples/topk_of_logits.mlir --target=sm_90a,sm_86,cpu -o %t.mqa

// ALL: .entry topk(
// ALL: .maxntid 1024
// TWO: .minnctapersm 2
// ONE: .minnctapersm 1
// SM90: griddepcontrol.wait
// ALL: ld.global{{.*}}.v{{[24].b(32|64)}}
// ALL: vote.sync.ballot
// ALL: redux.sync
// ALL: atom.shared.add.u32
