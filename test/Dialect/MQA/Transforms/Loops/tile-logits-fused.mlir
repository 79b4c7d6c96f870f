// RUN: mqa-opt %s --mqa-attach-target --mqa-tile-logits --cse --split-input-file | FileCheck %s

// Logits and their selection in one kernel: rows of logits are filtered, not stored. The number of
// keys is an argument, and so is the memory that the lists of candidates lie in.
// CHECK-LABEL: gpu.func @fused(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x64x128xf8E4M3FN, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"q",
// CHECK-SAME: %[[INDICES:[a-z0-9]+]]: memref<?x2048xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"indices", tensor<?x2048xi32>>}
// CHECK-SAME: %[[NUM_KEYS:[a-z0-9]+]]: index {mqa.operand = #mqa.operand<"num_keys", index>}
// CHECK-SAME: %[[SCRATCH:[a-z0-9]+]]: memref<?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"scratch", tensor<?xi32>>})
// CHECK-SAME: workgroup(%[[COUNTS:[a-z0-9]+]] : memref<8xi32, {{[^%]*}}, %[[LEAST:[a-z0-9]+]] : memref<8xf32, {{[^%]*}}, %[[TAKEN:[a-z0-9]+]] : memref<8xi32, {{[^%]*}}, %[[WORD:[a-z0-9]+]] : memref<1xi32, {{[^%]*}}, %[[ANSWER:[a-z0-9]+]] : memref<1xi32,
// CHECK-SAME: known_block_size = array<i32: 640, 1, 1>, mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <{{[^>]*}}>, selection = <k = 2048>, logits_type = tensor<?x?xf32>, list_places = 7680>
// CHECK-NOT: mqa.unstored_logits
// CHECK: %[[ROWS:.*]] = memref.dim %[[INDICES]], %c0
// CHECK: %[[RANGES:.*]] = mqa.make_ranges %{{.*}}, %{{.*}} keys(%[[NUM_KEYS]])
// Four counters for each query block lie ahead of the lists.
// CHECK: %[[BLOCKS:.*]] = affine.apply #{{.*}}()[%[[ROWS]]]
// CHECK: %[[BLOCK:.*]] = gpu.block_id x
// CHECK: %[[GRID:.*]] = gpu.grid_dim x
// CHECK: %[[LISTS:.*]] = arith.muli %[[BLOCKS]], %c4
// A query block without keys selects too: that of nothing.
// CHECK: mqa.tile_share %[[RANGES]] share %[[BLOCK]] of %[[GRID]] {align = 32 : i64, block_cost = 1 : i64, block_q = 8 : i64, tile_kv = 128 : i64, visits_all}
// CHECK: scf.for %[[B:.*]] = %
// CHECK: %[[COUNT:.*]] = affine.min
// CHECK: %[[OWN:.*]] = mqa.narrow_ranges %[[RANGES]][%{{.*}}] rows %[[COUNT]]
// CHECK: %[[LO:.*]], %[[HI:.*]] = mqa.key_range %[[OWN]]
// Two sets of 8 lists of 15360 words for each block of the grid: one for a query block that another began.
// CHECK: %[[IS_BEGUN:.*]] = arith.cmpi eq, %[[BEGIN:.*]], %[[LO]]
// CHECK: %[[AREA:.*]] = arith.select %[[IS_BEGUN]], %c1, %c0
// CHECK: %[[AREAS:.*]] = arith.muli %[[BLOCK]], %c2
// CHECK: arith.addi %[[AREAS]], %[[AREA]]
// CHECK: arith.muli %{{.*}}, %c8
// CHECK: %[[WORDS:.*]] = arith.muli %{{.*}}, %c15360
// CHECK: %[[FIRST:.*]] = arith.addi %[[LISTS]], %[[WORDS]]
// Lists begin empty, with thresholds that all reach.
// CHECK: mqa.meet {
// CHECK: memref.store %{{.*}}, %[[COUNTS]]
// CHECK: %[[INF:.*]] = arith.constant 0xFF800000 : f32
// CHECK: memref.store %[[INF]], %[[LEAST]]
// CHECK: scf.if
// CHECK: %[[NEVER:.*]] = arith.constant 2147483647 : i32
// CHECK: memref.store %[[NEVER]], %[[WORD]]
// CHECK: } {tile_kv = 128 : i64}
// As many places are left as keys may come until consumers meet.
// CHECK: %[[LOGITS:.*]] = mqa.filtered_rows %[[SCRATCH]][%[[FIRST]]] counts(%[[COUNTS]]) thresholds(%[[LEAST]]) meeting(%[[WORD]]) sizes(%[[COUNT]], %[[NUM_KEYS]]) {limit = 6143 : i64, margin = 768 : i64, places = 7680 : i64}
// CHECK-SAME: -> memref<?x?xf32, strided<[?, 1]>>
// CHECK: scf.for %[[N:.*]] = %[[BEGIN]] to %[[END:.*]] step %c128
// Ahead of a tile, lists that get full are cut.
// CHECK: mqa.meet meeting(%[[WORD]] : {{.*}}) key(%[[N]]) until(%[[END]]) {
// CHECK-NEXT: mqa.cut_lists %[[SCRATCH]][%[[FIRST]]] counts(%[[COUNTS]]) thresholds(%[[LEAST]]) ranges(%[[OWN]]) rows(%[[COUNT]]) {above = 4095 : i64, ascending, keep = 2048 : i64, places = 7680 : i64, slack = 128 : i64, ties = #mqa.ties<smallest>}
// CHECK-NEXT: gpu.barrier
// CHECK: %[[NEVER2:.*]] = arith.constant 2147483647 : i32
// CHECK: memref.store %[[NEVER2]], %[[WORD]]
// CHECK: } {tile_kv = 128 : i64}
// CHECK: %[[OUT:.*]] = memref.subview %[[LOGITS]][0, %[[N]]]
// CHECK: mqa.logits {{.*}} ranges(%[[OWN]]) key_offset(%[[N]]) outs(%[[OUT]] :
// CHECK: }
// Behind the tiles, who has all of the query block selects; else it tells the others.
// CHECK: mqa.meet {
// CHECK: arith.cmpi eq, %[[END]], %[[HI]]
// CHECK: %[[SELECTS:.*]] = scf.if %{{.*}} -> (i1) {
// CHECK: } else {
// CHECK: memref.load %[[COUNTS]]
// CHECK: memref.store %{{.*}}, %[[SCRATCH]]
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: memref.atomic_rmw maxs %{{.*}}, %[[SCRATCH]]
// CHECK: memref.atomic_rmw maxs %{{.*}}, %[[SCRATCH]]
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: memref.atomic_rmw addi %{{.*}}, %[[SCRATCH]]
// CHECK: memref.store %{{.*}}, %[[ANSWER]]
// CHECK: gpu.barrier
// CHECK: memref.load %[[ANSWER]]
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: gpu.barrier
// The last one takes the candidates of the others, and cuts the lists that are full.
// CHECK: scf.if
// CHECK: scf.for %[[OTHER:.*]] = %
// CHECK: arith.cmpi ne, %[[OTHER]], %[[BLOCK]]
// CHECK: memref.store %{{.*}}, %[[TAKEN]]
// CHECK: scf.while
// CHECK: mqa.cut_lists {{.*}} {above = 7678 : i64, keep = 2048 : i64, places = 7680 : i64, slack = 128 : i64, ties = #mqa.ties<smallest>}
// The counters are zero again.
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK-COUNT-3: memref.store %{{.*}}, %[[SCRATCH]]
// CHECK: scf.if %[[SELECTS]] {
// CHECK-NEXT: mqa.cut_lists {{.*}} {above = 2048 : i64, keep = 2048 : i64, places = 7680 : i64, ties = #mqa.ties<smallest>}
// CHECK-NEXT: gpu.barrier
// Each row: NaN goes if its range has more keys than are selected.
// CHECK: scf.for %[[ROW:.*]] = %c0 to %[[COUNT]]
// CHECK: %[[BITS:.*]] = memref.subview %[[SCRATCH]][%{{.*}}] [7680] [1]
// CHECK: %[[KEYS:.*]] = memref.subview %[[SCRATCH]][%{{.*}}] [7680] [1]
// CHECK: arith.cmpi ugt, %{{.*}}, %c2048
// CHECK: memref.load %[[LEAST]][%[[ROW]]]
// CHECK: arith.cmpf oeq
// CHECK: arith.cmpf uno
// CHECK: memref.atomic_rmw addi %{{.*}}, %[[ANSWER]]
// CHECK: mqa.sort_candidates %[[BITS]], %[[KEYS]] count %{{.*}} most 2048 {by = #mqa.sort_by<key>, keys_only}
// CHECK: mqa.row_block %[[INDICES]]
// CHECK-NOT: mqa.topk
// CHECK: gpu.return
// CHECK-NOT: func.func
func.func @fused(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %indices: memref<?x2048xi32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %q, %c0 : memref<?x64x128xf8E4M3FN>
  %n = memref.dim %k, %c0 : memref<?x128xf8E4M3FN>
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%init : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  mqa.topk ins(%init, %ks, %ke : memref<?x?xf32>, memref<?xi32>, memref<?xi32>) outs(%indices : memref<?x2048xi32>)
  return
}

// -----

// A query block is a sequence; 16-bit logits, forced keys, the greatest ones of equal ones, by score, with values.
// The function has the number of keys as an argument.
// CHECK-LABEL: gpu.func @paged(
// CHECK-SAME: %[[LENS:[a-z0-9]+]]: memref<?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"context_lens", tensor<?xi32>>}
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: memref<?x?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"block_table",
// CHECK-SAME: %[[NUM_KEYS:[a-z0-9]+]]: index {mqa.operand = #mqa.operand<"num_keys", index>}
// CHECK-SAME: %[[INDICES:[a-z0-9]+]]: memref<?x512xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"indices",
// CHECK-SAME: %[[VALUES:[a-z0-9]+]]: memref<?x512xf32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"values",
// CHECK-SAME: %[[SCRATCH:[a-z0-9]+]]: memref<?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"scratch", tensor<?xi32>>})
// CHECK-SAME: workgroup(%[[COUNTS:[a-z0-9]+]] : memref<2xi32,
// CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.paged_logits", schedule = <{{[^>]*}}>, selection = <k = 512, {{.*}}force_first = 4, force_last = 64, {{[^>]*}}>, logits_type = tensor<?x?xbf16>, list_places = 7680>
// CHECK: %[[BLOCKS:.*]] = affine.min #{{.*}}()[%[[NUM_KEYS]], %{{.*}}]
// CHECK: %[[ROOM:.*]] = affine.min #{{.*}}()[%[[NUM_KEYS]], %[[BLOCKS]]]
// CHECK: mqa.make_ranges none, %[[LENS]] keys(%[[ROOM]]) {next_n = 2 : i64}
// CHECK: mqa.tile_share {{.*}} {align = 32 : i64, block_cost = 1 : i64, block_q = 2 : i64, tile_kv = 128 : i64, visits_all}
// CHECK: mqa.meet {
// CHECK: %[[LOGITS:.*]] = mqa.filtered_rows %[[SCRATCH]][%{{.*}}] counts(%[[COUNTS]]) {{.*}} sizes(%c2, %[[ROOM]]) {force_first = 4 : i64, force_last = 64 : i64, limit = 5631 : i64, margin = 1024 : i64, places = 7680 : i64} : {{.*}} -> memref<?x?xbf16, strided<[?, 1]>>
// CHECK: scf.for
// CHECK: mqa.meet meeting
// CHECK-NEXT: mqa.cut_lists {{.*}} {above = 3071 : i64, ascending, force_first = 4 : i64, force_last = 64 : i64, keep = 512 : i64, places = 7680 : i64, slack = 128 : i64, ties = #mqa.ties<greatest>}
// CHECK: %[[OUT:.*]] = memref.subview %[[LOGITS]]
// CHECK: mqa.gather_pages
// CHECK: mqa.logits {{.*}} outs(%[[OUT]] :
// CHECK: mqa.meet {
// CHECK: mqa.cut_lists {{.*}} {above = 512 : i64, force_first = 4 : i64, force_last = 64 : i64, keep = 512 : i64, places = 7680 : i64, ties = #mqa.ties<greatest>}
// NaN of a forced key stays.
// CHECK: arith.cmpf uno
// CHECK-DAG: arith.cmpi sge
// CHECK-DAG: arith.cmpi slt
// CHECK: memref.atomic_rmw addi
// Codes, and twice the key and 1 more for -0.
// CHECK: arith.cmpi eq, %{{.*}}, %c-2147483648_i32
// CHECK: arith.shli %{{.*}}, %c1_i32
// CHECK: %[[WORD:.*]] = arith.ori
// CHECK-NEXT: memref.store %[[WORD]]
// CHECK: mqa.sort_candidates {{.*}} most 512 {doubled, tie_break = #mqa.tie_break<greatest>}
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
// CHECK: mqa.row_block %[[TABLE]]
// CHECK-NOT: mqa.topk
// CHECK: gpu.return
func.func @paged(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %n: index, %indices: memref<?x512xi32>, %values: memref<?x512xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = memref.dim %q, %c0 : memref<?x2x64x128xf8E4M3FN>
  %m = arith.muli %b, %c2 : index
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xbf16>
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%init : memref<?x?xbf16>) {schedule = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 128, stages = 4>}
  mqa.topk ins(%init, none, none : memref<?x?xbf16>) context_lens(%lens : memref<?xi32>) block_table(%table : memref<?x?xi32>) outs(%indices, %values : memref<?x512xi32>, memref<?x512xf32>) {base = #mqa.base<slot>, block_kv = 64, next_n = 2, force_first = 4, force_last = 64, tie_break = #mqa.tie_break<greatest>, order = #mqa.order<score>}
  return
}

// -----

// Keys that need not be sorted by their logits are selected from whole rows, which are words of the scratch. The last
// block of the grid that is done with a sequence selects: all of its consumers, from one row after the other.
// CHECK-LABEL: gpu.func @rows(
// CHECK-SAME: %[[SCRATCH:[a-z0-9]+]]: memref<?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"scratch", tensor<?xi32>>})
// CHECK-SAME: logits_type = tensor<?x?xbf16>>
// CHECK: mqa.tile_share
// CHECK: %[[SIZE:.*]] = memref.dim %[[SCRATCH]], %c0
// CHECK: %[[COUNTERS:.*]] = arith.subi %[[SIZE]], %c262144
// CHECK: %[[LOGITS:.*]] = mqa.word_rows %[[SCRATCH]][%{{.*}}] stride(%{{.*}}) sizes(%c2, %{{.*}}) : {{.*}} -> memref<?x?xbf16, strided<[?, 1]>>
// CHECK: scf.for
// CHECK-NOT: mqa.meet
// CHECK: memref.subview %[[LOGITS]]
// CHECK: mqa.logits
// CHECK: mqa.meet {
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: memref.atomic_rmw addi
// A range of at most k keys is selected as it is; else a histogram of codes, and a list of each warp.
// CHECK: arith.cmpi ugt, %{{.*}}, %c512_i32
// CHECK: memref.atomic_rmw addi %c1_i32, %{{.*}} : (i32, memref<2048xi32, #gpu.address_space<workgroup>>) -> i32
// CHECK: nvvm.vote.sync ballot
// CHECK-NOT: mqa.sort_candidates
// CHECK-NOT: mqa.cut_lists
// CHECK: gpu.return
func.func @rows(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %n: index, %indices: memref<?x512xi32>, %values: memref<?x512xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = memref.dim %q, %c0 : memref<?x2x64x128xf8E4M3FN>
  %m = arith.muli %b, %c2 : index
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xbf16>
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%init : memref<?x?xbf16>) {schedule = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 128, stages = 4>}
  mqa.topk ins(%init, none, none : memref<?x?xbf16>) context_lens(%lens : memref<?xi32>) block_table(%table : memref<?x?xi32>) outs(%indices, %values : memref<?x512xi32>, memref<?x512xf32>) {base = #mqa.base<slot>, block_kv = 64, next_n = 2, force_first = 4, force_last = 64, tie_break = #mqa.tie_break<greatest>}
  return
}

// -----

// The block table may have room for more keys than a launch says that rows have, for which there is scratch. So the number
// of keys is an argument where the function has none.
// CHECK-LABEL: gpu.func @computed(
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: memref<?x?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"block_table",
// CHECK-SAME: %[[NUM_KEYS:[a-z0-9]+]]: index {mqa.operand = #mqa.operand<"num_keys", index>}
// CHECK-SAME: {mqa.operand = #mqa.operand<"scratch", tensor<?xi32>>})
// CHECK: %[[BLOCKS:.*]] = affine.min #{{.*}}()[%[[NUM_KEYS]], %{{.*}}]
// CHECK: %[[KEYS:.*]] = affine.min #{{.*}}()[%[[NUM_KEYS]], %[[BLOCKS]]]
// CHECK: mqa.word_rows {{.*}} sizes(%c2, %[[KEYS]])
func.func @computed(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %indices: memref<?x512xi32>, %values: memref<?x512xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %columns = memref.dim %table, %c1 : memref<?x?xi32>
  %n = arith.muli %columns, %c64 : index
  %b = memref.dim %q, %c0 : memref<?x2x64x128xf8E4M3FN>
  %m = arith.muli %b, %c2 : index
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xbf16>
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%init : memref<?x?xbf16>) {schedule = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 128, stages = 4>}
  mqa.topk ins(%init, none, none : memref<?x?xbf16>) context_lens(%lens : memref<?xi32>) block_table(%table : memref<?x?xi32>) outs(%indices, %values : memref<?x512xi32>, memref<?x512xf32>) {base = #mqa.base<slot>, block_kv = 64, next_n = 2, force_first = 4, force_last = 64, tie_break = #mqa.tie_break<greatest>}
  return
}

// -----

// Many that are selected need longer lists. Sizes that are known are constants, and blocks of the grid that have whole
// query blocks still have two areas each.
// CHECK-LABEL: gpu.func @static(
// CHECK-SAME: {mqa.operand = #mqa.operand<"indices", tensor<5x4096xi32>>}, %{{[a-z0-9]+}}: memref<?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"scratch",
// CHECK-SAME: split = blocks>, selection = <k = 4096>, logits_type = tensor<5x40960xf32>, list_places = 8448>
// CHECK: mqa.make_ranges none, %{{.*}} keys(%c40960{{.*}})
// CHECK-NOT: mqa.tile_share
// CHECK: mqa.filtered_rows {{.*}} {limit = 4351 : i64, margin = 2048 : i64, places = 8448 : i64}
// CHECK: mqa.sort_candidates {{.*}} most 4096
func.func @static(%q: memref<5x4x32xbf16>, %k: memref<40960x32xbf16>, %ke: memref<5xi32>, %indices: memref<5x4096xi32>) {
  %init = mqa.unstored_logits() : memref<5x40960xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<5x4x32xbf16>, memref<40960x32xbf16>, memref<5xi32>) outs(%init : memref<5x40960xf32>) {schedule = #mqa.schedule<block_q = 16, block_kv = 256, tile_q = 16, tile_kv = 128, stages = 12, split = blocks>}
  mqa.topk ins(%init, none, %ke : memref<5x40960xf32>, memref<5xi32>) outs(%indices : memref<5x4096xi32>)
  return
}
