// A kernel for mqa-bench edges that lets the next one in the stream start at
// once, and writes what that one reads 50 us later: a kernel that is launched
// while it runs (programmatic dependent launch) must wait for its end.
//
// Level 6 of the pipeline, so that `mqa-compile --emit=ptx` does the rest.

!words = memref<?xi32, #gpu.address_space<global>>

gpu.module @late_copy {
  gpu.func @late_copy(%from: !words, %to: !words)
      kernel attributes {known_block_size = array<i32: 512, 1, 1>} {
    nvvm.griddepcontrol launch_dependents
    %delay = arith.constant 50000 : i64
    %start = nvvm.read.ptx.sreg.globaltimer : i64
    scf.while : () -> () {
      %now = nvvm.read.ptx.sreg.globaltimer : i64
      %elapsed = arith.subi %now, %start : i64
      %early = arith.cmpi ult, %elapsed, %delay : i64
      scf.condition(%early)
    } do {
      scf.yield
    }
    %c0 = arith.constant 0 : index
    %threads = gpu.block_dim x
    %block = gpu.block_id x
    %blocks = gpu.grid_dim x
    %thread = gpu.thread_id x
    %first = arith.muli %block, %threads : index
    %own = arith.addi %first, %thread : index
    %all = arith.muli %blocks, %threads : index
    %end = memref.dim %from, %c0 : !words
    scf.for %i = %own to %end step %all {
      %word = memref.load %from[%i] : !words
      memref.store %word, %to[%i] : !words
    }
    gpu.return
  }
}
