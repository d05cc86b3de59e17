// The only file that sees the JSON library: its lexer and grammar, our tree. The tree is ours because the library's ordered
// object looks up a name by walking, which a hostile text with many members makes quadratic, and keeps doubled members.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "events/json/value.hpp"

namespace luthier::json {
namespace {

class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TreeBuilder(std::size_t depth_max) : depth_max_(depth_max) {}

  bool null() override { return add(Value{}); }
  bool boolean(bool flag) override { return add(Value{flag}); }
  bool number_integer(std::int64_t number) override { return add(Value{number}); }
  bool number_unsigned(std::uint64_t number) override {
    if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return add(Value{static_cast<std::int64_t>(number)});
    return add(Value{static_cast<double>(number)});
  }
  bool number_float(double number, const std::string&) override { return add(Value{number}); }
  bool string(std::string& text) override { return add(Value{std::move(text)}); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Value{Object{}}); }
  bool start_array(std::size_t) override { return open(Value{Array{}}); }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool key(std::string& name) override {
    std::get<Object>(open_.back()->held).names.push_back(std::move(name));
    return true;
  }
  bool end_object() override {
    if (const auto name = doubled(std::get<Object>(open_.back()->held)); !name.empty())
      return refuse("the member \"" + name + "\" is there twice");
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    if (error.id == 406) return refuse("a number before byte " + std::to_string(position) + " is too large");
    return refuse("not valid JSON at byte " + std::to_string(position));
  }

  Value take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

 private:
  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  Value* place() {
    if (open_.empty()) return &root_;
    if (auto* array = std::get_if<Array>(&open_.back()->held)) return &array->emplace_back();
    return &std::get<Object>(open_.back()->held).values.emplace_back();
  }

  bool add(Value value) {
    *place() = std::move(value);
    return true;
  }

  // A container only grows at its end, and only while it is the innermost: the pointers to the outer ones stay valid.
  bool open(Value container) {
    if (open_.size() == depth_max_) return refuse("nested more than " + std::to_string(depth_max_) + " deep");
    Value* const at = place();
    *at = std::move(container);
    open_.push_back(at);
    return true;
  }

  static std::string doubled(const Object& object) {
    std::vector<std::string_view> names(object.names.begin(), object.names.end());
    std::sort(names.begin(), names.end());
    const auto twin = std::adjacent_find(names.begin(), names.end());
    return twin == names.end() ? "" : std::string(*twin);
  }

  std::size_t depth_max_;
  Value root_;
  std::vector<Value*> open_;
  std::string problem_;
};

}  // namespace

Result<Value> parse(std::string_view text, const Bounds& bounds) {
  if (text.size() > bounds.bytes_max)
    return Error{ErrorCode::limit,
                 "JSON of " + std::to_string(text.size()) + " bytes; at most " + std::to_string(bounds.bytes_max), {}};
  TreeBuilder builder(bounds.depth_max);
  try {
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
      return invalid(builder.problem().empty() ? "not valid JSON" : builder.problem());
  } catch (const std::exception& error) {
    return invalid(std::string("not valid JSON: ") + error.what());
  }
  return builder.take();
}

}  // namespace luthier::json
