// A fused kernel for the CPU: what its launch needs of both ops is in the manifest.
// RUN: mqa-compile %examples/topk.mlir --target=cpu -o %t.mqa
// RUN: mqa-compile %examples/paged_topk.mlir --target=cpu -o %t.paged.mqa
// RUN: head -c 9000 %t.mqa | FileCheck %s
// RUN: head -c 9000 %t.paged.mqa | FileCheck %s --check-prefix=PAGED

// CHECK: "base": "relative"
// CHECK: "clean": false
// CHECK: "has_key_groups": false
// CHECK: "k": 2048
// CHECK: "logits_type": "f32"
// CHECK: "name": "topk"
// CHECK: "num_columns": -1
// CHECK: "num_heads": 64
// CHECK: "num_keys": -1
// CHECK: "num_queries": -1
// CHECK: "op": "mqa.logits_topk"
// CHECK: "order": "key"
// CHECK-NOT: "operand": "out"
// CHECK: "operand": "q"
// CHECK: "operand": "ke"
// CHECK-NOT: "operand": "out"
// CHECK: "operand": "indices"
// CHECK: "scratch_bytes": {{[1-9][0-9]+}}
// CHECK: "task_keys": 128
// CHECK: "task_queries": 16
// CHECK: "tie_break": "smallest"
// CHECK: "name": "logits"

// PAGED: "batch": -1
// PAGED: "block_kv": 64
// PAGED: "next_n": 1
// PAGED: "num_columns": -1
// PAGED: "op": "mqa.paged_logits_topk"
// PAGED: "element_type": "index"
// PAGED-NEXT: "kind": "index"
// PAGED-NEXT: "operand": "num_keys"
// PAGED: "task_keys": 64
// PAGED: "task_queries": 1
