// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles)))' --split-input-file --verify-diagnostics

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) kernel {
    // expected-error@+1 {{must be in the inner of two nested scf.for}}
    mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        // expected-error@+1 {{needs a schedule before it is staged}}
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
      }
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        // expected-error@+1 {{a tile needs 'key_offset'}}
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        // expected-error@+1 {{a tile cannot have 'clean': mqa.clean_rows cleans whole rows}}
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%out : memref<?x?xf32>) {clean, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        // expected-error@+1 {{operand 'out' must be a memref.subview of whole rows at [0, key_offset]}}
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        %wt = memref.subview %w[%j, 0] [2, 64] [1, 1] : memref<?x64xf32> to memref<2x64xf32, strided<[64, 1], offset: ?>>
        // expected-error@+1 {{operand 'weights' must be defined outside the key loop}}
        mqa.logits ins(%q, %k, %s, %wt, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<2x64xf32, strided<[64, 1], offset: ?>>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<8x64x128xf8E4M3FN>, %k: memref<128x128xf8E4M3FN>, %ke: memref<8xi32>, %out: memref<8x128xf32>, %n: i32, %i: index) kernel {
    scf.for %b = %n to %n step %n : i32 {
      scf.for %j = %n to %n step %n : i32 {
        // expected-error@+1 {{must be in a loop over keys that are index, found 'i32'}}
        mqa.logits ins(%q, %k, none, none, none, %ke : memref<8x64x128xf8E4M3FN>, memref<128x128xf8E4M3FN>, memref<8xi32>) key_offset(%i) outs(%out : memref<8x128xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_q = 8, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}

// -----

// Weights are staged ahead of the loop.

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %value: f32) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        // expected-note@+1 {{by this}}
        memref.store %value, %w[%j, %j] : memref<?x64xf32>
        %tile = memref.subview %out[0, %j] [%n, %n] [1, 1] : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
        // expected-error@+1 {{is in a loop that may write what would be staged ahead of it}}
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%tile : memref<?x?xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  func.func private @callee()
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %c: i1) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        %tile = memref.subview %out[0, %j] [%n, %n] [1, 1] : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
        // expected-error@+1 {{is in a loop that may write what would be staged ahead of it}}
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%tile : memref<?x?xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
        scf.if %c {
          // expected-note@+1 {{by this}}
          func.call @callee() : () -> ()
        }
      }
    }
    gpu.return
  }
}

// -----

// The rings' positions would begin again in each iteration of the outermost loop.

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    scf.for %h = %n to %n step %n {
      scf.for %i = %n to %n step %n {
        scf.for %j = %n to %n step %n {
          %tile = memref.subview %out[0, %j] [%n, %n] [1, 1] : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
          // expected-error@+1 {{must be in loops that are entered once}}
          mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%tile : memref<?x?xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
        }
      }
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %c: i1) kernel {
    cf.br ^again
  ^again:
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        %tile = memref.subview %out[0, %j] [%n, %n] [1, 1] : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
        // expected-error@+1 {{must be in loops that are entered once}}
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%tile : memref<?x?xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    cf.cond_br %c, ^again, ^end
  ^end:
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x2048xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        // expected-error@+1 {{must be on memrefs before it is staged}}
        %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>) key_offset(%j) outs(%out : tensor<?x2048xf32>) {compressed, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>} -> tensor<?x2048xf32>
      }
    }
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x2048xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        // expected-error@+1 {{a compressed tile needs 'ranges', which say how many keys there are}}
        mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>) key_offset(%j) outs(%out : memref<?x2048xf32>) {compressed, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}

// -----

// Ranges may be made or narrowed in the loop over query blocks, not over keys.
gpu.module @kernels {
  gpu.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x2048xf32>, %n: index) kernel {
    %ranges = mqa.make_ranges none, %ke keys(%n) {compressed} : memref<?xi32>
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        %own = mqa.narrow_ranges %ranges[%j] rows %n
        // expected-error@+1 {{operand 'ranges' must be defined outside the key loop}}
        mqa.logits ins(%q, %k, none, none : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>) ranges(%own) key_offset(%j) outs(%out : memref<?x2048xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}
