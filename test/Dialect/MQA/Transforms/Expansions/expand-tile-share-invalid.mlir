// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-tile-share)))' --split-input-file --verify-diagnostics

gpu.module @kernels {
  gpu.func @f(%ks: memref<?xi32>, %n: index) kernel {
    %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
    // expected-error@+1 {{needs a kernel whose 'known_block_size' is whole warps}}
    %b, %t, %be, %te = mqa.tile_share %ranges share %n of %n {block_q = 2, tile_kv = 128}
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%ks: memref<?xi32>, %n: index) kernel attributes {known_block_size = array<i32: 100, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
    // expected-error@+1 {{needs a kernel whose 'known_block_size' is whole warps}}
    %b, %t, %be, %te = mqa.tile_share %ranges share %n of %n {block_q = 2, tile_kv = 128}
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%ks: memref<?xi32>, %n: index) kernel attributes {known_block_size = array<i32: 128, 2, 1>} {
    %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
    // expected-error@+1 {{needs a kernel whose 'known_block_size' is whole warps}}
    %b, %t, %be, %te = mqa.tile_share %ranges share %n of %n {block_q = 2, tile_kv = 128}
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%ks: memref<?xi32>, %n: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
    scf.for %i = %n to %n step %n {
      // expected-error@+1 {{must be at the top of the kernel}}
      %b, %t, %be, %te = mqa.tile_share %ranges share %i of %n {block_q = 2, tile_kv = 128}
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%ks: memref<?xi32>, %n: index, %c: i1) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
    cf.br ^again
  ^again:
    // expected-error@+1 {{must be at the top of the kernel}}
    %b, %t, %be, %te = mqa.tile_share %ranges share %n of %n {block_q = 2, tile_kv = 128}
    cf.cond_br %c, ^again, ^end
  ^end:
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%ke: memref<?xi32>, %n: index) kernel attributes {known_block_size = array<i32: 100, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %rows = mqa.name_sequences %ranges, %ke of %n : memref<?xi32>
    // expected-error@+1 {{needs a kernel whose 'known_block_size' is whole warps}}
    %row, %count, %t, %te = mqa.run_share %rows share %n of %n {max_rows = 2, tile_kv = 128}
    gpu.return
  }
}
