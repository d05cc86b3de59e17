// How PEFT stores the adapter of several experts at once (its ParamWrapper): A [experts * r, in], B [out, r * experts]. Row e * r + i of A
// and column i * experts + e of B are number i of expert e.
#pragma once

#include <set>
#include <span>
#include <string>

#include "gpu/checkpoint/adapter.hpp"

namespace luthier::checkpoint {

// What the names of a module's tensors in the file begin with. PEFT puts one wrapper around the other where it adapts both parameters of
// a module: the first one is then the base layer of the second. `parameters`: all that are adapted.
std::string stored_module(const std::string& name, const std::string& parameter, const std::set<std::string>& parameters);

struct StackedAdapter {
  std::int64_t experts;
  std::span<float> a, b;
};
void take_expert(const StackedAdapter& from, const LoraModule& into);
void put_expert(const LoraModule& from, const StackedAdapter& into);

}  // namespace luthier::checkpoint
