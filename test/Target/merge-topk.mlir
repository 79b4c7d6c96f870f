// Every chip and the CPU compile mqa.merge_topk, and the bundle says what it selects.
// RUN: mqa-compile %s --target=sm_90a --emit=ptx -o %t.90.ptx
// RUN: FileCheck %s --check-prefixes=PTX,SM90 --input-file=%t.90.ptx
// RUN: mqa-compile %s --target=sm_80 --emit=ptx -o %t.80.ptx
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.80.ptx
// RUN: mqa-compile %s --target=sm_120 --emit=ptx -o %t.120.ptx
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.120.ptx
// RUN: mqa-compile %s --target=sm_90a,sm_86,sm_89,cpu -o %t.mqa
// RUN: FileCheck %s --check-prefix=MANIFEST --input-file=%t.mqa

// PTX: .entry merge(
// PTX: .maxntid 1024
// PTX: .minnctapersm 1
// SM90: griddepcontrol.wait
// PTX: vote.sync.ballot
// PTX: redux.sync
// PTX: atom.shared.add.u32

// MANIFEST-DAG: "base":{{ ?}}"absolute"
// MANIFEST-DAG: "num_lists":{{ ?}}8
// MANIFEST-DAG: "operand":{{ ?}}"list_values"
// MANIFEST-DAG: "op":{{ ?}}"mqa.merge_topk"
func.func @merge(%lists: tensor<8x?x2048xi32>, %scores: tensor<8x?x2048xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                 %indices: tensor<?x2048xi32>, %values: tensor<?x2048xf32>) -> (tensor<?x2048xi32>, tensor<?x2048xf32>) {
  %0:2 = mqa.merge_topk ins(%lists, %scores, %ks, %ke : tensor<8x?x2048xi32>, tensor<8x?x2048xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%indices, %values : tensor<?x2048xi32>, tensor<?x2048xf32>) {base = #mqa.base<absolute>} -> tensor<?x2048xi32>, tensor<?x2048xf32>
  return %0#0, %0#1 : tensor<?x2048xi32>, tensor<?x2048xf32>
}
