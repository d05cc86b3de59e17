#include "actors/node/prepare_dataset_chat.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace luthier::node {
namespace {

using json::Value;

const Value* given(const Value& object, std::string_view name) {  // null is the same as absent
  const Value* member = object.find(name);
  return member && !member->is_null() ? member : nullptr;
}

bool is_text(const Value* value) { return value && value->text(); }

std::string unknown_member(const Value& object, std::initializer_list<std::string_view> known) {
  for (const auto& name : object.object()->names)
    if (std::find(known.begin(), known.end(), name) == known.end()) return "\"" + name.substr(0, 64) + "\" is not known there";
  return "";
}

std::string problem_of_call(const Value& call) {
  const Value* function = call.find("function");
  if (!call.object() || !is_text(call.find("type")) || *call.find("type")->text() != "function") return "\"type\" must be \"function\"";
  if (!function || !function->object()) return "\"function\" is missing";
  if (!is_text(function->find("name"))) return "\"function\" needs a \"name\"";
  const Value* arguments = function->find("arguments");
  if (!arguments || !arguments->object()) return "\"arguments\" must be an object, not a string of JSON";
  if (auto problem = unknown_member(call, {"type", "function"}); !problem.empty()) return problem;
  return unknown_member(*function, {"name", "arguments", "content_type"});
}

std::string problem_of_message(const Value& message) {
  if (!message.object()) return "must be an object";
  if (!is_text(message.find("role"))) return "needs a \"role\", a string";
  const Value *content = given(message, "content"), *thinking = given(message, "thinking"), *calls = given(message, "tool_calls");
  if (content && !content->text()) return "\"content\" must be a string";
  if (thinking && !thinking->text()) return "\"thinking\" must be a string";
  if (calls && (!calls->array() || calls->array()->empty())) return "\"tool_calls\" must be a list that is not empty";
  if (!content && !thinking && !calls) return "needs \"content\", \"thinking\" or \"tool_calls\"";
  if (content && thinking) return "has both \"content\" and \"thinking\"";
  if (calls)
    for (std::size_t i = 0; i < calls->array()->size(); ++i)
      if (auto problem = problem_of_call((*calls->array())[i]); !problem.empty()) return "tool_calls[" + std::to_string(i) + "]: " + problem;
  return unknown_member(message, {"role", "content", "thinking", "tool_calls"});
}

std::string problem_of_tool(const Value& tool) {
  if (!tool.object() || !is_text(tool.find("type")) || *tool.find("type")->text() != "function") return "\"type\" must be \"function\"";
  const Value* function = tool.find("function");
  if (!function || !function->object()) return "\"function\" is missing";
  for (const auto* name : {"name", "description"})
    if (!is_text(function->find(name))) return std::string("\"function\" needs a \"") + name + "\"";
  const Value* parameters = function->find("parameters");
  const bool fits = parameters && is_text(parameters->find("type")) && *parameters->find("type")->text() == "object" &&
                    parameters->find("properties") && parameters->find("properties")->object();
  return fits ? "" : "\"parameters\" must be {\"type\": \"object\", \"properties\": {...}}";
}

}  // namespace

std::string problem_of_chat_row(const Value& row) {
  const Value* messages = row.find("messages");
  if (!messages || !messages->array() || messages->array()->empty()) return "\"messages\" must be a list that is not empty";
  bool answers = false;
  for (std::size_t i = 0; i < messages->array()->size(); ++i) {
    const Value& message = (*messages->array())[i];
    if (auto problem = problem_of_message(message); !problem.empty()) return "messages[" + std::to_string(i) + "]: " + problem;
    answers |= *message.find("role")->text() == "assistant";
  }
  if (!answers) return "\"messages\" has no message of the role \"assistant\", and so nothing to learn";
  const Value* tools = given(row, "tools");
  if (!tools) return "";
  if (!tools->array()) return "\"tools\" must be a list";
  for (std::size_t i = 0; i < tools->array()->size(); ++i)
    if (auto problem = problem_of_tool((*tools->array())[i]); !problem.empty()) return "tools[" + std::to_string(i) + "]: " + problem;
  return "";
}

}  // namespace luthier::node
