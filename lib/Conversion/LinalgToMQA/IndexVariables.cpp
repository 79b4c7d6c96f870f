//===- IndexVariables.cpp - The variables that index tensors --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexVariables.h"

using namespace mlir;
using namespace mlir::mqa;

int IndexVariables::add(int64_t size) {
  variables.push_back({ShapedType::kDynamic, {}});
  int var = variables.size() - 1;
  noteSize(var, size);
  return var;
}

void IndexVariables::noteSize(int var, int64_t size) {
  if (var == kUnit || ShapedType::isDynamic(size))
    return;
  // What came from bytecode may have a negative size.
  int64_t &known = variables[var].size;
  isContradictory |=
      size < 0 || (!ShapedType::isDynamic(known) && known != size);
  if (!ShapedType::isDynamic(known))
    return;
  known = size;
  propagateSizes();
}

/// Of a variable and its parts, one size follows from all others.
void IndexVariables::propagateSizes() {
  for (bool changes = true; changes;) {
    changes = false;
    for (Variable &var : variables) {
      int64_t product = 1;
      int unknown = kUnit, numUnknown = 0;
      for (int part : var.parts) {
        if (ShapedType::isDynamic(variables[part].size)) {
          unknown = part;
          ++numUnknown;
        } else {
          product *= variables[part].size;
        }
      }
      if (var.parts.empty() || numUnknown > 1)
        continue;
      bool isKnown = !ShapedType::isDynamic(var.size);
      if (numUnknown == 0) {
        isContradictory |= isKnown && var.size != product;
        changes |= !isKnown;
        var.size = product;
      } else if (isKnown && product > 0) {
        isContradictory |= var.size % product != 0;
        variables[unknown].size = var.size / product;
        changes = true;
      }
    }
  }
}

SmallVector<int> IndexVariables::getAtoms(int var) const {
  if (var == kUnit || variables[var].size == 1)
    return {};
  return variables[var].parts.empty() ? SmallVector<int>{var}
                                      : getAtoms(variables[var].parts);
}

SmallVector<int> IndexVariables::getAtoms(ArrayRef<int> vars) const {
  SmallVector<int> atoms;
  for (int var : vars)
    llvm::append_range(atoms, getAtoms(var));
  return atoms;
}

/// One variable for all of them.
int IndexVariables::flatten(ArrayRef<int> vars) {
  if (vars.size() == 1)
    return vars[0];
  SmallVector<int> atoms = getAtoms(vars);
  for (auto [i, var] : llvm::enumerate(variables))
    if (!var.parts.empty() && getAtoms(i) == atoms)
      return i;
  variables.push_back({ShapedType::kDynamic, SmallVector<int, 2>(vars)});
  propagateSizes();
  return variables.size() - 1;
}

std::optional<int> IndexVariables::join(ArrayRef<int64_t> shape,
                                        ArrayRef<int> vars) {
  SmallVector<int> wide;
  int64_t unknown = 0;
  for (auto [size, var] : llvm::zip_equal(shape, vars)) {
    if (size == 1)
      continue;
    if (var == kUnit)
      return std::nullopt;
    noteSize(var, size);
    unknown += ShapedType::isDynamic(size);
    wide.push_back(var);
  }
  if (wide.empty())
    return kUnit;
  if (wide.size() > 1 && unknown > 1)
    return std::nullopt;
  return flatten(wide);
}

/// As `split`, where all sizes are known.
std::optional<SmallVector<int>> IndexVariables::align(ArrayRef<int64_t> shape,
                                                      SmallVector<int> atoms) {
  SmallVector<int> result;
  for (int64_t size : llvm::reverse(shape)) {
    SmallVector<int> vars;
    while (size > 1) {
      if (atoms.empty())
        return std::nullopt;
      int atom = atoms.pop_back_val();
      int64_t atomSize = getSize(atom);
      if (ShapedType::isDynamic(atomSize) || atomSize <= 0)
        return std::nullopt;
      if (size % atomSize == 0) {
        vars.push_back(atom);
        size /= atomSize;
      } else if (atomSize % size == 0) {
        int outer = add(atomSize / size), inner = add(size);
        variables[atom].parts = {outer, inner};
        vars.push_back(inner);
        atoms.push_back(outer);
        size = 1;
      } else {
        return std::nullopt;
      }
    }
    std::reverse(vars.begin(), vars.end());
    result.push_back(vars.empty() ? kUnit : flatten(vars));
  }
  if (!atoms.empty())
    return std::nullopt;
  std::reverse(result.begin(), result.end());
  return result;
}

std::optional<SmallVector<int>> IndexVariables::split(ArrayRef<int64_t> shape,
                                                      int var) {
  SmallVector<int> result(shape.size(), kUnit);
  SmallVector<size_t> wide;
  for (auto [i, size] : llvm::enumerate(shape))
    if (size != 1)
      wide.push_back(i);
  if (wide.size() == 1)
    result[wide[0]] = var;
  if (wide.size() < 2)
    return result;
  if (var == kUnit)
    return std::nullopt;
  SmallVector<int> atoms = getAtoms(var);
  auto isSame = [&](size_t dim, int atom) {
    return !ShapedType::isDynamic(shape[dim]) && shape[dim] == getSize(atom);
  };
  // Equal sizes from the last on, and from the first on.
  ArrayRef<size_t> dims(wide);
  ArrayRef<int> rest(atoms);
  while (!dims.empty() && !rest.empty() && isSame(dims.back(), rest.back())) {
    result[dims.back()] = rest.back();
    dims = dims.drop_back(), rest = rest.drop_back();
  }
  while (!dims.empty() && !rest.empty() && isSame(dims.front(), rest.front())) {
    result[dims.front()] = rest.front();
    dims = dims.drop_front(), rest = rest.drop_front();
  }
  if (dims.empty() || rest.empty())
    return dims.empty() && rest.empty() ? std::optional(result) : std::nullopt;
  // What is left is as much on both sides.
  if (dims.size() == 1) {
    result[dims[0]] = flatten(rest);
    return result;
  }
  auto sizes = llvm::map_to_vector(dims, [&](size_t i) { return shape[i]; });
  int64_t numDynamic = llvm::count_if(sizes, ShapedType::isDynamic);
  std::optional<SmallVector<int>> vars;
  if (rest.size() == 1 && numDynamic < 2) {
    vars.emplace();
    for (int64_t size : sizes)
      vars->push_back(add(size));
    variables[rest[0]].parts.assign(vars->begin(), vars->end());
    propagateSizes();
  } else if (dims.size() == rest.size() &&
             llvm::count_if(
                 llvm::zip_equal(dims, rest),
                 [&](auto pair) {
                   return isSame(std::get<0>(pair), std::get<1>(pair));
                 }) + 1 >=
                 static_cast<int64_t>(dims.size())) {
    vars = SmallVector<int>(rest);
  } else if (numDynamic == 0) {
    vars = align(sizes, SmallVector<int>(rest));
  }
  if (!vars)
    return std::nullopt;
  for (auto [dim, part] : llvm::zip_equal(dims, *vars))
    result[dim] = part;
  return result;
}
