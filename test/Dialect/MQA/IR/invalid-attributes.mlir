// RUN: mqa-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{the target must be sm_80, sm_86, sm_89, sm_90a, sm_120 or cpu, found 'sm_70'}}
module attributes {mqa.target = #mqa.target<chip = "sm_70">} {}

// -----

// expected-error@+1 {{only the target 'cpu' has features, found 'avx2' of 'sm_80'}}
module attributes {mqa.target = #mqa.target<chip = "sm_80", features = "avx2">} {}

// -----

// expected-error@+1 {{attribute 'mqa.target' must be a #mqa.target, found "sm_90a"}}
module attributes {mqa.target = "sm_90a"} {}

// -----

// expected-error@+1 {{has 'mqa.target', which is an attribute of modules}}
func.func private @f() attributes {mqa.target = #mqa.target<chip = "sm_90a">}

// -----

// expected-error@+1 {{a kernel is of mqa.logits, mqa.paged_logits, mqa.topk or mqa.merge_topk, found 'mqa.wgmma'}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.wgmma", task_sizes = [4, 64]>}

// -----

// expected-error@+1 {{a kernel has either a schedule or task sizes}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits">}

// -----

// expected-error@+1 {{a kernel has two positive task sizes, queries and keys, found array<i64: 4, 0>}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 0]>}

// -----

// expected-error@+1 {{shared memory and launches that overlap are of a kernel for a GPU, of 0 or more bytes, found 16}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", dynamic_shared_memory = 16, task_sizes = [4, 64]>}

// -----

// expected-error@+1 {{has 'mqa.kernel', which is an attribute of functions}}
module attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 64]>} {}

// -----

// expected-error@+1 {{attribute 'mqa.kernel' must be a #mqa.kernel, found unit}}
func.func private @f() attributes {mqa.kernel}

// -----

gpu.module @kernels {
  // expected-error@+1 {{is for a GPU: its 'mqa.kernel' needs a schedule}}
  gpu.func @f() kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 64]>} {
    gpu.return
  }
}

// -----

// expected-error@+1 {{has a second argument that is operand 'ks'}}
func.func private @f(memref<?xi32> {mqa.operand = #mqa.operand<"ks", tensor<?xi32>>}, memref<?xi32> {mqa.operand = #mqa.operand<"ks", tensor<?xi32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 64]>}

// -----

// expected-error@+1 {{argument 0 is operand 'block_table' of type 'tensor<?x?xi32>', which #mqa.kernel<op = "mqa.logits", task_sizes = [4, 64]> does not have}}
func.func private @f(memref<?x?xi32> {mqa.operand = #mqa.operand<"block_table", tensor<?x?xi32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 64]>}

// -----

// expected-error@+1 {{argument 0 has 'mqa.operand', but the function has no 'mqa.kernel'}}
func.func private @f(memref<?xi32> {mqa.operand = #mqa.operand<"ks", tensor<?xi32>>})

// -----

// expected-error@+1 {{argument 0 must have a #mqa.operand as 'mqa.operand', found "ks"}}
func.func private @f(memref<?xi32> {mqa.operand = "ks"})

// -----

// expected-error@+1 {{operand 'ks' must have the type of a ranked tensor, found 'index'}}
func.func private @f(index {mqa.operand = #mqa.operand<"ks", index>})

// -----

// expected-error@+1 {{operand 'num_keys' must have the type index, found 'tensor<1xi32>'}}
func.func private @f(index {mqa.operand = #mqa.operand<"num_keys", tensor<1xi32>>})

// -----

// expected-error@+1 {{must have its dims as 'box_dims', found}}
func.func private @f(index {mqa.operand = #mqa.operand<"q", tensor<?x64x128xf8E4M3FN>, box_dims = [1, 0, 0]>})

// -----

// expected-error@+1 {{has 'mqa.num_keys', which is no attribute of the dialect}}
func.func private @f() attributes {mqa.num_keys = 5 : i64}

// -----

// expected-error@+1 {{argument 0 has 'mqa.box_dims', which is no attribute of the dialect}}
func.func private @f(memref<?xi32> {mqa.box_dims = array<i64: 0>})

// -----

// expected-error@+1 {{result 0 has 'mqa.operand', which is no attribute of the dialect}}
func.func private @f() -> (index {mqa.operand})

// -----

// expected-error@+1 {{argument 0 is operand 'q' of type 'tensor<128xbf16>', which #mqa.kernel<op = "mqa.logits", task_sizes = [4, 64]> does not have}}
func.func private @f(memref<128xbf16> {mqa.operand = #mqa.operand<"q", tensor<128xbf16>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 64]>}

// -----

// expected-error@+1 {{attribute 'mqa.steps' must have two names of kernels for each entry, found {f = ["f$logits"]}}}
module attributes {mqa.steps = {f = ["f$logits"]}} {}

// -----

// expected-error@+1 {{has 'mqa.steps', which is an attribute of modules}}
func.func private @f() attributes {mqa.steps = {f = ["a", "b"]}}
