// A filled sample of any declared struct, the same on every run: no two members are alike, optionals are there, lists have
// two elements, texts have something to escape.
#pragma once

#include "events/json/fields.hpp"

namespace luthier::events {

class Sampler {
 public:
  template <class T>
  T make() {
    T value;
    fill(value, "");
    return value;
  }

 private:
  void fill(bool& flag, std::string_view) { flag = (++count_, true); }
  void fill(std::int64_t& number, std::string_view) { number = ++count_ * 1'000'003; }
  void fill(double& number, std::string_view) { number = ++count_ + 0.1; }
  void fill(JsonText& json, std::string_view name) {
    json.text = R"({"z":)" + std::to_string(++count_) + R"(,"a":[1.5,null,{"deep":true}],"of":")" + std::string(name) + R"("})";
  }
  void fill(std::string& text, std::string_view name) { text = std::string(name) + " \"é\\\n" + std::to_string(++count_); }
  template <class T>
  void fill(std::optional<T>& value, std::string_view name) {
    fill(value.emplace(), name);
  }
  template <class T>
  void fill(std::vector<T>& values, std::string_view name) {
    for (int i = 0; i < 2; ++i) fill(values.emplace_back(), name);
  }
  template <json::Declared T>
  void fill(T& value, std::string_view) {
    T::fields()([&](const auto&... fields) { (fill(value.*fields.member, fields.name), ...); });
  }

  std::int64_t count_ = 0;
};

// One sample of each alternative of a variant.
template <class Any>
std::vector<Any> samples_of() {
  std::vector<Any> all;
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    (all.emplace_back(Sampler().make<std::variant_alternative_t<index, typename Any::Alternatives>>()), ...);
  }(std::make_index_sequence<std::variant_size_v<typename Any::Alternatives>>());
  return all;
}

}  // namespace luthier::events
