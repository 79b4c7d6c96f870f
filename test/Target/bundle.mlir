// RUN: mqa-compile %examples/logits.mlir -o %t.mqa
// RUN: head -c 2600 %t.mqa | FileCheck %s
// RUN: mqa-compile %examples/logits.mlir --target=cpu -o %t.cpu.mqa
// RUN: head -c 6000 %t.cpu.mqa | FileCheck %s --check-prefix=CPU

// CHECK: MQABNDL1
// CHECK: "activation": "relu"
// CHECK: "block_queries": 8
// CHECK: "block_threads": 640
// CHECK: "clean": false
// CHECK: "head_dim": 128
// CHECK: "name": "logits"
// CHECK: "num_heads": 64
// CHECK: "num_keys": -1
// CHECK: "box": [
// CHECK: "kind": "tensor_map"
// CHECK: "operand": "q"
// CHECK: "swizzle_bytes": 128
// CHECK: "kind": "memref"
// CHECK: "operand": "ks"
// CHECK: "reduction": "f32"

// CPU: MQABNDL1
// CPU: "cpu_features": [
// CPU: "scratch_bytes": {{[1-9][0-9]+}}
// With a matrix unit, tasks have more keys.
// CPU: "task_keys": {{128|256|1024}}
// CPU: "task_queries": 16
// CPU: "target": "cpu"
