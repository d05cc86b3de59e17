#include "gpu/text/config_reader.hpp"

#include <nlohmann/json.hpp>

namespace luthier::text {
namespace {

const nlohmann::json null_value;

}  // namespace

bool ConfigReader::is_null() const { return value_->is_null(); }
bool ConfigReader::is_text() const { return value_->is_string(); }
bool ConfigReader::is_object() const { return value_->is_object(); }
bool ConfigReader::is_list() const { return value_->is_array(); }

bool ConfigReader::has(std::string_view name) const { return !(*this)[name].is_null(); }

ConfigReader ConfigReader::operator[](std::string_view name) const {
  std::string path = path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  if (!value_->is_object()) return {null_value, std::move(path), *failure_};
  const auto member = value_->find(std::string(name));
  return {member == value_->end() ? null_value : *member, std::move(path), *failure_};
}

ConfigReader ConfigReader::operator[](std::size_t index) const {
  return {(*value_)[index], path_ + "[" + std::to_string(index) + "]", *failure_};
}

std::size_t ConfigReader::size() const {
  if (value_->is_array()) return value_->size();
  fail("is not a list");
  return 0;
}

std::string ConfigReader::as_text() const {
  if (const auto* text = value_->get_ptr<const std::string*>()) return *text;
  fail("is not a string");
  return {};
}

std::int64_t ConfigReader::as_integer() const {
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX) {
    fail("is too large");
    return 0;
  }
  if (value_->is_number_integer()) return value_->get<std::int64_t>();
  fail("is not an integer");
  return 0;
}

std::string ConfigReader::text(std::string_view name, std::string_view otherwise) const {
  const auto member = (*this)[name];
  return member.is_null() ? std::string(otherwise) : member.as_text();
}

bool ConfigReader::flag(std::string_view name, bool otherwise) const {
  const auto member = (*this)[name];
  if (member.is_null()) return otherwise;
  if (member.value_->is_boolean()) return member.value_->get<bool>();
  member.fail("is not true or false");
  return otherwise;
}

std::int64_t ConfigReader::integer(std::string_view name, std::int64_t otherwise) const {
  const auto member = (*this)[name];
  return member.is_null() ? otherwise : member.as_integer();
}

void ConfigReader::fail(std::string_view why) const {
  if (*failure_) return;
  *failure_ = invalid(path_.empty() ? std::string(why) : path_ + ": " + std::string(why), path_);
}

}  // namespace luthier::text
