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
