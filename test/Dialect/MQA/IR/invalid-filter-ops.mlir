// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @global_counts(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'counts' must lie in workgroup memory, found 'memref<8xi32>'}}
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%n, %n) {places = 128, limit = 64, margin = 8} : memref<?xi32>, memref<8xi32>, memref<8xf32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
  return
}

// -----

func.func @dynamic_counts(%memory: memref<?xi32>, %n: index, %counts: memref<?xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'counts' must have a static shape, found 'memref<?xi32, #gpu.address_space<workgroup>>'}}
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%n, %n) {places = 128, limit = 64, margin = 8} : memref<?xi32>, memref<?xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
  return
}

// -----

func.func @global_thresholds(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'thresholds' must lie in workgroup memory, found 'memref<8xf32>'}}
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%n, %n) {places = 128, limit = 64, margin = 8} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
  return
}

// -----

func.func @global_meeting(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %word: memref<1xi32>) {
  // expected-error@+1 {{operand 'meeting' must lie in workgroup memory, found 'memref<1xi32>'}}
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%n, %n) {places = 128, limit = 64, margin = 8} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>, memref<1xi32> -> memref<?x?xf32>
  return
}

// -----

func.func @rows(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<4xf32, #gpu.address_space<workgroup>>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operands 'counts' and 'thresholds' must have an element for each row, found 'memref<8xi32, #gpu.address_space<workgroup>>' and 'memref<4xf32, #gpu.address_space<workgroup>>'}}
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%n, %n) {places = 128, limit = 64, margin = 8} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<4xf32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
  return
}

// -----

// A list that is full can take nothing until consumers meet.
func.func @limit(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{'limit' must be below 'places', 128, found 128}}
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%n, %n) {places = 128, limit = 128, margin = 8} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
  return
}

// -----

func.func @margin(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{attribute 'margin' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%n, %n) {places = 128, limit = 64, margin = 0} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
  return
}

// -----

func.func @force(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{attribute 'force_first' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%n, %n) {places = 128, limit = 64, margin = 8, force_first = -1} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
  return
}

// -----

func.func @meeting_alone(%word: memref<1xi32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{must have all of 'meeting', 'key' and 'until', or none}}
  mqa.meet meeting(%word : memref<1xi32, #gpu.address_space<workgroup>>) {
  }
  return
}

// -----

func.func @no_end(%word: memref<1xi32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{must have all of 'meeting', 'key' and 'until', or none}}
  mqa.meet meeting(%word : memref<1xi32, #gpu.address_space<workgroup>>) key(%n) {
  }
  return
}

// -----

func.func @no_key(%word: memref<1xi32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{must have all of 'meeting', 'key' and 'until', or none}}
  mqa.meet meeting(%word : memref<1xi32, #gpu.address_space<workgroup>>) until(%n) {
  }
  return
}

// -----

func.func @key_alone(%word: memref<1xi32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{must have all of 'meeting', 'key' and 'until', or none}}
  mqa.meet key(%n) {
  }
  return
}

// -----

func.func @no_meeting(%word: memref<1xi32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{must have all of 'meeting', 'key' and 'until', or none}}
  mqa.meet key(%n) until(%n) {
  }
  return
}

// -----

func.func @global_word(%word: memref<1xi32>, %n: index) {
  // expected-error@+1 {{operand 'meeting' must lie in workgroup memory, found 'memref<1xi32>'}}
  mqa.meet meeting(%word : memref<1xi32>) key(%n) until(%n) {
  }
  return
}

// -----

func.func @alone(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  // expected-error@+1 {{must be in an mqa.meet}}
  mqa.cut_lists %memory[%n] counts(%counts) thresholds(%least) ranges(%ranges) rows(%n) {places = 128, keep = 16, above = 16, ties = #mqa.ties<smallest>} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @place(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  mqa.meet {
    // expected-error@+1 {{is of lists without an order: 'ties' must be smallest or greatest}}
    mqa.cut_lists %memory[%n] counts(%counts) thresholds(%least) ranges(%ranges) rows(%n) {places = 128, keep = 16, above = 16, ties = #mqa.ties<place>} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>
  }
  return
}

// -----

func.func @keep(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  mqa.meet {
    // expected-error@+1 {{needs 'keep' + 'slack' <= 'above' < 'places', found 17, 0, 16 and 128}}
    mqa.cut_lists %memory[%n] counts(%counts) thresholds(%least) ranges(%ranges) rows(%n) {places = 128, keep = 17, above = 16, ties = #mqa.ties<smallest>} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>
  }
  return
}

// -----

func.func @slack(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  mqa.meet {
    // expected-error@+1 {{needs 'keep' + 'slack' <= 'above' < 'places', found 12, 5, 16 and 128}}
    mqa.cut_lists %memory[%n] counts(%counts) thresholds(%least) ranges(%ranges) rows(%n) {places = 128, keep = 12, slack = 5, above = 16, ties = #mqa.ties<smallest>} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>
  }
  return
}

// -----

func.func @above(%memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  mqa.meet {
    // expected-error@+1 {{needs 'keep' + 'slack' <= 'above' < 'places', found 16, 0, 128 and 128}}
    mqa.cut_lists %memory[%n] counts(%counts) thresholds(%least) ranges(%ranges) rows(%n) {places = 128, keep = 16, above = 128, ties = #mqa.ties<smallest>} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>
  }
  return
}

// -----

func.func @mask(%v: vector<8x32xf32>, %mask: vector<8x16xi1>, %memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{failed to verify that all of {vector, mask} have same shape}}
  mqa.append_logits %v mask %mask first_key(%n) to %memory[%n] counts(%counts) meeting(%word) first_row(%n) {places = 128, limit = 64, margin = 8} : vector<8x32xf32>, vector<8x16xi1>, memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @sort_dynamic(%n: index, %list: memref<?xi32>) {
  // expected-error@+1 {{operand 'codes' must be contiguous, of a static size, found 'memref<?xi32>'}}
  mqa.sort_candidates %list, %list count %n most 16 : memref<?xi32>
  return
}

// -----

func.func @sort_strided(%n: index, %list: memref<64xi32, strided<[2]>>) {
  // expected-error@+1 {{operand 'codes' must be contiguous, of a static size, found 'memref<64xi32, strided<[2]>>'}}
  mqa.sort_candidates %list, %list count %n most 16 : memref<64xi32, strided<[2]>>
  return
}

// -----

// A view in global memory is a list too.
func.func @sort_view(%n: index, %list: memref<64xi32, strided<[1], offset: ?>>) {
  mqa.sort_candidates %list, %list count %n most 16 {by = #mqa.sort_by<key>, doubled, keys_only} : memref<64xi32, strided<[1], offset: ?>>
  return
}

// -----

// How many rows there are says how many warps take one.
func.func @cut_dynamic(%memory: memref<?xi32>, %n: index, %counts: memref<?xi32, #gpu.address_space<workgroup>>, %least: memref<8xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  mqa.meet {
    // expected-error@+1 {{operand 'counts' must have a static shape, found 'memref<?xi32, #gpu.address_space<workgroup>>'}}
    mqa.cut_lists %memory[%n] counts(%counts) thresholds(%least) ranges(%ranges) rows(%n) {places = 256 : i64, keep = 16 : i64, above = 16 : i64, ties = #mqa.ties<smallest>} : memref<?xi32>, memref<?xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>
  }
  return
}

// -----

func.func @append_limit(%v: vector<8x32xf32>, %mask: vector<8x32xi1>, %memory: memref<?xi32>, %n: index, %counts: memref<8xi32, #gpu.address_space<workgroup>>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{'limit' must be below 'places', 64, found 64}}
  mqa.append_logits %v mask %mask first_key(%n) to %memory[%n] counts(%counts) meeting(%word) first_row(%n) {places = 64 : i64, limit = 64 : i64, margin = 8 : i64} : vector<8x32xf32>, vector<8x32xi1>, memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @append_global(%v: vector<8x32xf32>, %mask: vector<8x32xi1>, %memory: memref<?xi32>, %n: index, %counts: memref<8xi32>, %word: memref<1xi32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'counts' must lie in workgroup memory, found 'memref<8xi32>'}}
  mqa.append_logits %v mask %mask first_key(%n) to %memory[%n] counts(%counts) meeting(%word) first_row(%n) {places = 64 : i64, limit = 32 : i64, margin = 8 : i64} : vector<8x32xf32>, vector<8x32xi1>, memref<?xi32>, memref<8xi32>, memref<1xi32, #gpu.address_space<workgroup>>
  return
}
