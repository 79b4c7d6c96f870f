//===- PagedRowsManifest.h - A kernel of rows of sequences ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_PAGEDROWSMANIFEST_H
#define MQA_TEST_RUNTIME_PAGEDROWSMANIFEST_H

#include "TestBundle.h"

namespace mqa::test {

/// As makePagedManifest, with blocks of 8 rows.
inline nlohmann::json makeRowsManifest() {
  nlohmann::json manifest = makePagedManifest(/*lensRank=*/1);
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["next_n"] = 1;
  kernel["block_queries"] = 8;
  nlohmann::json &parameters = kernel["parameters"];
  parameters[0]["box"] = {8, 8, 128};
  parameters[0]["dims"] = {0, 1, 2};
  parameters[3]["box"] = {8, 64};
  nlohmann::json sequence = parameters[4];
  sequence["operand"] = "sequence";
  parameters.insert(parameters.end() - 1, sequence);
  return manifest;
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_PAGEDROWSMANIFEST_H
