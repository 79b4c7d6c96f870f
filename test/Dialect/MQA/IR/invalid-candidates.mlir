// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @forced(%logits: vector<4xf32>, %i: index, %least: f32, %forced: vector<2xi1>, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'forced' must have an element for each of 'vector<4xf32>', found 'vector<2xi1>'}}
  %n, %fits = mqa.append_candidates %logits from %i threshold(%least) forced(%forced : vector<2xi1>) turn(%i) outs(%list, %list count %i : memref<64xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
  return
}

// -----

func.func @estimate(%samples: vector<[4]xf32>, %n: index) {
  // expected-error@+1 {{operand 'samples' must have a fixed size, found 'vector<[4]xf32>'}}
  %t = mqa.estimate_threshold %samples count %n rank %n : vector<[4]xf32>
  return
}

// -----

func.func @scalable(%logits: vector<[4]xf32>, %i: index, %least: f32, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'logits' must have a fixed size, found 'vector<[4]xf32>'}}
  %n, %fits = mqa.append_candidates %logits from %i threshold(%least) turn(%i) outs(%list, %list count %i : memref<64xi32, #gpu.address_space<workgroup>>) : vector<[4]xf32>
  return
}

// -----

func.func @own(%logits: vector<4xf32>, %own: vector<2xi32>, %i: index, %least: f32, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'own_keys' must have an element for each of 'vector<4xf32>', found 'vector<2xi32>'}}
  %n, %fits = mqa.append_candidates %logits of %own : vector<2xi32> threshold(%least) turn(%i) outs(%list, %list count %i : memref<64xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
  return
}

// -----

func.func @both(%logits: vector<4xf32>, %own: vector<4xi32>, %i: index, %least: f32, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{must have either a first key ('from') or keys of its own ('of'), found both}}
  %n, %fits = mqa.append_candidates %logits from %i of %own : vector<4xi32> threshold(%least) turn(%i) outs(%list, %list count %i : memref<64xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
  return
}

// -----

func.func @neither(%logits: vector<4xf32>, %i: index, %least: f32, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{must have either a first key ('from') or keys of its own ('of'), found neither}}
  %n, %fits = mqa.append_candidates %logits threshold(%least) turn(%i) outs(%list, %list count %i : memref<64xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
  return
}

// -----

func.func @descending(%logits: vector<4xf32>, %own: vector<4xi32>, %i: index, %least: f32, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{has keys of its own ('of'), and must not be 'descending', which is for those behind a first one}}
  %n, %fits = mqa.append_candidates %logits of %own : vector<4xi32> threshold(%least) turn(%i) outs(%list, %list count %i : memref<64xi32, #gpu.address_space<workgroup>>) {descending} : vector<4xf32>
  return
}

// -----

func.func @by_key(%n: index, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{sorts by key, and must not have 'tie_break' = greatest}}
  mqa.sort_candidates %list, %list count %n most 16 {by = #mqa.sort_by<key>, tie_break = #mqa.tie_break<greatest>} : memref<64xi32, #gpu.address_space<workgroup>>
  return
}

// -----

// expected-error@+1 {{a kernel of mqa.merge_topk has k, 'tie_break', 'order' and a base that is no slot alone, found #mqa.selection<k = 4, force_first = 1>}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.merge_topk", selection = <k = 4, force_first = 1>>}

// -----

// expected-error@+1 {{a kernel of mqa.merge_topk has k, 'tie_break', 'order' and a base that is no slot alone, found #mqa.selection<k = 4> and 'compressed'}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.merge_topk", compressed = true, selection = <k = 4>>}

// -----

// expected-error@+1 {{argument 0 is operand 'logits' of type 'tensor<?x?xf32>', which}}
func.func private @f(memref<?x?xf32> {mqa.operand = #mqa.operand<"logits", tensor<?x?xf32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.merge_topk", selection = <k = 4>>}

// -----

func.func @global(%logits: vector<4xf32>, %i: index, %least: f32, %list: memref<64xi32>) {
  // expected-error@+1 {{operand 'codes' must lie in workgroup memory, found 'memref<64xi32>'}}
  %n, %fits = mqa.append_candidates %logits from %i threshold(%least) turn(%i) outs(%list, %list count %i : memref<64xi32>) : vector<4xf32>
  return
}

// -----

func.func @dynamic(%n: index, %list: memref<?xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'codes' must have a static shape, found 'memref<?xi32, #gpu.address_space<workgroup>>'}}
  %t = mqa.cut_candidates %list, %list count %n keep 16 : memref<?xi32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @strided(%n: index, %list: memref<64xi32, strided<[2]>, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'codes' must be contiguous, found 'memref<64xi32, strided<[2]>, #gpu.address_space<workgroup>>'}}
  %t = mqa.cut_candidates %list, %list count %n keep 16 : memref<64xi32, strided<[2]>, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @keep(%n: index, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{'keep' must be at most the list's size, 64, found 65}}
  %t = mqa.cut_candidates %list, %list count %n keep 65 : memref<64xi32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @keep_none(%n: index, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{attribute 'keep' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %t = mqa.cut_candidates %list, %list count %n keep 0 : memref<64xi32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @most(%n: index, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{'most' must be a power of two, found 48}}
  mqa.sort_candidates %list, %list count %n most 48 : memref<64xi32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @most_of_all(%n: index, %list: memref<64xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{'most' must be at most the list's size, 64, found 128}}
  mqa.sort_candidates %list, %list count %n most 128 : memref<64xi32, #gpu.address_space<workgroup>>
  return
}

// -----

// expected-error@+1 {{a kernel of mqa.topk or mqa.merge_topk has a selection}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.topk", task_sizes = [4]>}

// -----

// expected-error@+1 {{a kernel of logits with a selection, and no other, has 'logits_type'}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 4], selection = <k = 1>>}

// -----

// expected-error@+1 {{a kernel of logits with a selection, and no other, has 'logits_type'}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 4], logits_type = tensor<?x?xf32>>}

// -----

// expected-error@+1 {{a kernel of logits with a selection stores no logits, and has neither 'clean' nor 'compressed'}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", clean = true, task_sizes = [4, 4], selection = <k = 1>, logits_type = tensor<?x?xf32>>}

// -----

// expected-error@+1 {{lists of candidates are of a kernel of logits with a selection for a GPU, of 0 or more places, found 8}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 4], selection = <k = 1>, logits_type = tensor<?x?xf32>, list_places = 8>}

// -----

// expected-error@+1 {{a kernel has two positive task sizes, queries and keys, found array<i64: 4>}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4], selection = <k = 1>, logits_type = tensor<?x?xf32>>}

// -----

// expected-error@+1 {{argument 0 is operand 'out' of type 'tensor<?x?xf32>', which #mqa.kernel<op = "mqa.logits", task_sizes = [4, 4], selection = <k = 1>, logits_type = tensor<?x?xf32>> does not have}}
func.func private @f(memref<?x?xf32> {mqa.operand = #mqa.operand<"out", tensor<?x?xf32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 4], selection = <k = 1>, logits_type = tensor<?x?xf32>>}

// -----

// expected-error@+1 {{argument 0 is operand 'context_lens' of type 'tensor<?xi32>', which}}
func.func private @f(memref<?xi32> {mqa.operand = #mqa.operand<"context_lens", tensor<?xi32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [4, 4], selection = <k = 1>, logits_type = tensor<?x?xf32>>}

// -----

// expected-error@+1 {{argument 0 is operand 'ks' of type 'tensor<?xi32>', which}}
func.func private @f(memref<?xi32> {mqa.operand = #mqa.operand<"ks", tensor<?xi32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.paged_logits", task_sizes = [4, 4], selection = <k = 1>, logits_type = tensor<?x?xf32>>}

// -----

// What the two ops have together is right.
func.func private @f(memref<?x4x32xbf16> {mqa.operand = #mqa.operand<"q", tensor<?x4x32xbf16>>}, memref<?xi32> {mqa.operand = #mqa.operand<"ks", tensor<?xi32>>}, memref<?x1xi32> {mqa.operand = #mqa.operand<"indices", tensor<?x1xi32>>}, index {mqa.operand = #mqa.operand<"num_keys", index>}, memref<?xi32> {mqa.operand = #mqa.operand<"scratch", tensor<?xi32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 32, tile_kv = 32, stages = 2>, selection = <k = 1>, logits_type = tensor<?x?xf32>, list_places = 8>}

// -----

// expected-error@+1 {{a kernel of mqa.topk or mqa.merge_topk has no schedule}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.topk", schedule = <block_q = 4, block_kv = 32, tile_kv = 32, stages = 2>, selection = <k = 1>>}

// -----

// expected-error@+1 {{a kernel has one positive task size, rows, found array<i64: 4, 4>}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.topk", task_sizes = [4, 4], selection = <k = 1>>}

// -----

gpu.module @kernels {
  // expected-error@+1 {{is for a GPU: its 'mqa.kernel' cannot have task sizes}}
  gpu.func @f() kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.topk", task_sizes = [4], selection = <k = 1>>} {
    gpu.return
  }
}

// -----

// expected-error@+1 {{k must be from 1 to 4096, found 4097}}
func.func private @f() attributes {selection = #mqa.selection<k = 4097>}

// -----

// expected-error@+1 {{'force_first' and 'force_last' must be 0 or more, and at most k together, found 3 and 2}}
func.func private @f() attributes {selection = #mqa.selection<k = 4, force_first = 3, force_last = 2>}

// -----

// expected-error@+1 {{'next_n' must be 0 or more, and 'block_kv' too, and more than 0 where the base is slot, found 0 and 0}}
func.func private @f() attributes {selection = #mqa.selection<k = 4, base = slot>}

// -----

// expected-error@+1 {{'block_kv' is of a selection of slots, or by 'key_block_size', found #mqa.selection<k = 4, block_kv = 64>}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.topk", selection = <k = 4, block_kv = 64>>}

// -----

// expected-error@+1 {{'key_block_size' is of a kernel of logits or mqa.topk that is not compressed, and has neither 'block_max' nor 'rows_per_sequence', found 8}}
func.func private @f() attributes {mqa.kernel = #mqa.kernel<op = "mqa.topk", compressed = true, selection = <k = 4>, key_block_size = 8>}

// -----

// expected-error@+1 {{argument 0 is operand 'q' of type 'tensor<?xi32>', which}}
func.func private @f(memref<?xi32> {mqa.operand = #mqa.operand<"q", tensor<?xi32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.topk", selection = <k = 4>>}
