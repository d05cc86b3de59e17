#include "actors/cli/listing.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/client.hpp"
#include "events/base/clock.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

const ordered_json* find(const ordered_json& item, const std::string& path) {
  const ordered_json* at = &item;
  for (std::size_t start = 0; start <= path.size();) {
    const auto end = std::min(path.find('.', start), path.size());
    if (!at->is_object()) return nullptr;
    const auto member = at->find(path.substr(start, end - start));
    if (member == at->end()) return nullptr;
    at = &*member;
    start = end + 1;
  }
  return at;
}

std::string scalar_text(const ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return printable(value.get<std::string>());
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return number_text(value.get<double>(), 6);
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

bool is_plain(const ordered_json& value) {
  if (!value.is_array()) return !value.is_object();
  for (const auto& element : value)
    if (element.is_structured()) return false;
  return true;
}

std::string plain_text(const ordered_json& value) {
  if (!value.is_array()) return scalar_text(value);
  std::string text;
  for (const auto& element : value) text += (text.empty() ? "" : ", ") + scalar_text(element);
  return text;
}

constexpr std::size_t elements_max = 10;  // of a list of objects, for people

void write(std::string& out, const ordered_json& value, std::size_t indent) {
  std::size_t width = 0;
  for (const auto& [name, member] : value.items())
    if (is_plain(member)) width = std::max(width, columns_of(name));
  for (const auto& [name, member] : value.items()) {
    out += std::string(indent, ' ') + printable(name);
    if (is_plain(member)) {
      out += std::string(width - std::min(width, columns_of(name)) + 2, ' ') + plain_text(member) + "\n";
    } else if (member.is_object()) {
      out += "\n";
      write(out, member, indent + 2);
    } else {
      out += "\n";
      std::size_t shown = 0;
      for (const auto& element : member) {
        if (shown++ == elements_max) {
          out += std::string(indent + 2, ' ') + "… " + std::to_string(member.size() - elements_max) + " more (--json shows all)\n";
          break;
        }
        std::string nested;
        write(nested, element.is_object() ? element : ordered_json{{"value", element}}, indent + 4);
        if (nested.size() > indent + 2) nested[indent + 2] = '-';
        out += nested;
      }
    }
  }
}

}  // namespace

std::string text_of(const ordered_json& item, const std::string& path) {
  const auto* member = find(item, path);
  return member ? plain_text(*member) : "";
}

std::int64_t number_of(const ordered_json& item, const std::string& path) {
  const auto* member = find(item, path);
  return member && member->is_number() ? member->get<std::int64_t>() : 0;
}

std::string age_of(const ordered_json& item, const std::string& path) { return age_text(text_of(item, path), SystemClock().now()); }

std::string document(const ordered_json& value) {
  std::string text;
  if (value.is_object()) write(text, value, 0);
  return text;
}

int list_entities(Context& context, const std::string& workspace, const std::string& entity, const std::string& at,
                  std::vector<std::string> header, const RowOf& row) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto answer = (*client)->list(workspace, entity, at);
  if (!answer) return context.fail(answer.error());
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  Table table(std::move(header));
  for (const auto& item : (*answer)["items"]) table.add(row(item));
  *context.out << table.text(context.screen.is_terminal ? context.screen.width : 0);
  if (table.size() == 0) *context.err << "(no " << entity << "s" << (workspace == "system" ? "" : " in workspace " + workspace) << ")" << std::endl;
  return exit_ok;
}

int show_entity(Context& context, const Name& name, const std::string& entity, const std::string& at) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto item = (*client)->get(name.workspace, entity, name.name, at);
  if (!item) return context.fail(item.error());
  if (context.json) context.print_json(*item);
  else *context.out << document(*item);
  return exit_ok;
}

int send_command(Context& context, const std::string& entity, const std::string& type, const Name& name, const ordered_json& data,
                 const std::string& done) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto receipt = (*client)->must({entity, type, name.workspace, name.name, "", data.dump(), "", ""});
  if (!receipt) return context.fail(receipt.error());
  const auto events = receipt->find("events");
  const bool has_changed = events == receipt->end() || !events->is_array() || !events->empty();
  if (context.json) context.print_json(*receipt);
  else if (has_changed) context.print(done + "  (position " + text_of(*receipt, "position") + ")");
  else context.print(entity + " " + name.text() + " is as you want it already, or has ended: nothing was changed");
  return exit_ok;
}

void add_list(CLI::App& noun, Context& context, const std::string& entity, std::vector<std::string> header, RowOf row,
              const std::string& fixed_workspace) {
  const auto at = std::make_shared<std::string>();
  auto* verb = add_verb(noun, "list", "List all " + entity + "s" + (fixed_workspace.empty() ? " of the workspace" : ""), context,
                        [&context, entity, header, row, fixed_workspace, at] {
                          return list_entities(context, fixed_workspace.empty() ? context.workspace : fixed_workspace, entity, *at, header, row);
                        });
  verb->add_option("--at", *at, "As it was at this position of the log, or at this time (2026-11-23T20:15:04Z)");
}

void add_show(CLI::App& noun, Context& context, const std::string& entity, const std::string& fixed_workspace) {
  const auto name = std::make_shared<std::string>(), at = std::make_shared<std::string>();
  auto* verb = add_verb(noun, "show", "Show one " + entity, context, [&context, entity, fixed_workspace, name, at] {
    auto parsed = parse_name(context, *name);
    if (!fixed_workspace.empty()) parsed.workspace = fixed_workspace;
    return show_entity(context, parsed, entity, *at);
  });
  verb->add_option("name", *name, "NAME, or WORKSPACE/NAME")->required();
  verb->add_option("--at", *at, "As it was at this position of the log, or at this time (2026-11-23T20:15:04Z)");
}

void add_delete(CLI::App& noun, Context& context, const std::string& entity, const std::string& command, const std::string& fixed_workspace) {
  const auto name = std::make_shared<std::string>();
  auto* verb = add_verb(noun, "delete", "Delete a " + entity, context, [&context, entity, command, fixed_workspace, name] {
    auto parsed = parse_name(context, *name);
    if (!fixed_workspace.empty()) parsed.workspace = fixed_workspace;
    return send_command(context, entity, command, parsed, ordered_json::object(), "deleted " + entity + " " + parsed.name);
  });
  verb->add_option("name", *name, "NAME, or WORKSPACE/NAME")->required();
}

}  // namespace luthier::cli
