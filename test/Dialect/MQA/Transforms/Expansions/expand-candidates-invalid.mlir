// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-candidates)))' --verify-diagnostics

gpu.module @kernels {
  gpu.func @size(%n: index, %list: memref<64xi32, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 100, 1, 1>} {
    // expected-error@+1 {{needs a kernel whose 'known_block_size' is whole warps}}
    %t = mqa.cut_candidates %list, %list count %n keep 16 : memref<64xi32, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @unknown(%n: index, %list: memref<64xi32, #gpu.address_space<workgroup>>) kernel {
    // expected-error@+1 {{needs a kernel whose 'known_block_size' is whole warps}}
    mqa.sort_candidates %list, %list count %n most 16 : memref<64xi32, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @long(%n: index, %list: memref<65536xi32, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // expected-error@+1 {{needs a list of at most 32768 candidates, found 'memref<65536xi32, #gpu.address_space<workgroup>>'}}
    %t = mqa.cut_candidates %list, %list count %n keep 16 : memref<65536xi32, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

// Threads that meet are whole warps of the kernel. Before mqa-specialize-warps it is not known how many.
gpu.module @kernels {
  gpu.func @unknown_meet(%n: index, %list: memref<64xi32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    mqa.meet {
      // expected-error@+1 {{needs whole warps of the kernel's 128 threads, but its mqa.meet has 0}}
      mqa.sort_candidates %list, %list count %n most 16 : memref<64xi32>
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @more(%n: index, %list: memref<64xi32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    mqa.meet {
      // expected-error@+1 {{needs whole warps of the kernel's 128 threads, but its mqa.meet has 256}}
      mqa.sort_candidates %list, %list count %n most 16 : memref<64xi32>
    } {num_threads = 256}
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @part(%n: index, %list: memref<64xi32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    mqa.meet {
      // expected-error@+1 {{needs whole warps of the kernel's 128 threads, but its mqa.meet has 48}}
      mqa.sort_candidates %list, %list count %n most 16 : memref<64xi32>
    } {num_threads = 48}
    gpu.return
  }
}

// -----

// Nobody would come to its barriers.
gpu.module @kernels {
  gpu.func @nobody() kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // expected-error@+1 {{needs 'num_threads' of whole warps of the kernel, found 0}}
    mqa.meet {
    }
    gpu.return
  }
}
