// A row as it was read: its members by name, and what to say of those that do not fit. Internal to the readers of rows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/jinja_json.hpp"
#include "gpu/text/jinja_value.hpp"

namespace luthier::text {

inline Error wrong_member(std::string_view name, const std::string& what) {
  return invalid("\"" + std::string(name) + "\" " + what, std::string(name));
}

// The budget pays for what is made of the row.
class RowMembers {
 public:
  RowMembers(const jinja::Value& row, jinja::Budget& budget) : row_(*std::get<jinja::DictRef>(row.held)), budget_(budget) {}

  const jinja::Value* find(std::string_view name) const { return row_.find(name); }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string shown(const jinja::Value& value) const { return jinja::dump_json(value, {}, budget_).substr(0, 80); }
  jinja::Budget& budget() const { return budget_; }

  Result<std::string> text(std::string_view name) const {
    const jinja::Value* member = find(name);
    if (member == nullptr) return wrong_member(name, "is missing");
    if (!member->is_text()) return wrong_member(name, "must be a string");
    return member->text();
  }

  // A list that is not empty, of objects with a role.
  Result<std::vector<jinja::Value>> messages(std::string_view name) const {
    const jinja::Value* member = find(name);
    if (member == nullptr) return wrong_member(name, "is missing");
    return messages(name, *member);
  }
  static Result<std::vector<jinja::Value>> messages(std::string_view name, const jinja::Value& value) {
    const auto* list = value.get<jinja::ListRef>();
    if (list == nullptr || (*list)->items.empty()) return wrong_member(name, "must be a list that is not empty");
    for (std::size_t i = 0; i < (*list)->items.size(); ++i) {
      const auto* message = (*list)->items[i].get<jinja::DictRef>();
      if (message == nullptr) return wrong_member(name, "is not a list of objects: message " + std::to_string(i + 1) + " is none");
      const jinja::Value* role = (*message)->find("role");
      if (role == nullptr || !role->is_text())
        return wrong_member(name, "needs a \"role\", a string, in each message: message " + std::to_string(i + 1) + " has none");
    }
    return (*list)->items;
  }

 private:
  const jinja::Dict& row_;
  jinja::Budget& budget_;
};

}  // namespace luthier::text
