#include "actors/api/customization_names.hpp"

#include <algorithm>

namespace luthier::api {
namespace {

constexpr std::size_t stem_max = 50, deployment_max = 59;

void cut(std::string& text, std::size_t size_max) {
  if (text.size() > size_max) text.resize(size_max);
  while (!text.empty() && text.back() == '-') text.pop_back();
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// Characters that are none of these and no letters or digits become '-', runs of '-' one, and none is left at the ends.
std::string slug(std::string_view text, std::string_view others = "@.+_") {
  std::string out;
  for (const char c : lower(text)) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.find(c) != others.npos;
    if (fits) out += c;
    else if (!out.empty() && out.back() != '-') out += '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

std::string fit_for_deployment(std::string prefix, std::string_view model) {
  prefix += slug(last_part(model));
  cut(prefix, deployment_max);
  return prefix;
}

}  // namespace

std::string last_part(std::string_view reference) {
  const auto slash = reference.rfind('/');
  return std::string(slash == reference.npos ? reference : reference.substr(slash + 1));
}

std::string full_reference(std::string_view reference, std::string_view workspace) {
  constexpr std::string_view scheme = "fileset://";
  if (reference.starts_with(scheme)) reference.remove_prefix(scheme.size());
  if (reference.find('/') != reference.npos) return std::string(reference);
  return std::string(workspace) + "/" + std::string(reference);
}

std::string automatic_output_name(std::string_view model, std::string_view dataset, std::string_view hex12, bool plain) {
  const auto part = [&](std::string_view name) {
    const auto text = plain ? slug(name, "_") : slug(name);
    return text.empty() ? std::string("x") : text;
  };
  std::string stem = part(model) + "-" + part(dataset);
  cut(stem, stem_max);
  return stem + "-" + std::string(hex12);
}

std::string output_fileset_name(std::string_view output, std::string_view hex12) {
  std::string stem(output);
  cut(stem, stem_max);
  return stem + "-" + std::string(hex12);
}

std::string deployment_name(std::string_view model) { return fit_for_deployment("sft-deploy-", model); }
std::string deployment_config_name(std::string_view model) { return fit_for_deployment("sft-cfg-", model); }

}  // namespace luthier::api
