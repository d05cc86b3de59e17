#include "actors/cli/evaluate.hpp"

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct Question {
  std::int64_t line = 0;
  ordered_json messages;  // without the answer
  std::string expected;
};

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

Result<Question> parse_row(const std::string& text, std::int64_t line, const std::string& file) {
  const auto bad = [&](const std::string& why) { return invalid(file + ": row " + std::to_string(line) + ": " + why); };
  const auto row = ordered_json::parse(text, nullptr, false);
  if (row.is_discarded() || !row.is_object()) return bad("not a JSON object");
  const auto messages = row.find("messages");
  if (messages == row.end() || !messages->is_array() || messages->empty()) return bad("\"messages\" is missing");
  const auto& last = messages->back();
  if (!last.is_object() || last.value("role", ordered_json()) != "assistant" || !last.contains("content") ||
      !last["content"].is_string())
    return bad("the last message is not an assistant's text");
  Question question{line, *messages, trimmed(last["content"].get<std::string>())};
  question.messages.erase(question.messages.size() - 1);
  return question;
}

Result<std::vector<Question>> read_questions(const EvaluateOptions& options) {
  std::ifstream file(options.data);
  if (!file) return Error{ErrorCode::not_found, options.data.string() + " cannot be read", "data"};
  std::vector<Question> questions;
  std::string text;
  for (std::int64_t line = 1; std::getline(file, text); ++line) {
    if (trimmed(text).empty()) continue;
    auto question = parse_row(text, line, options.data.string());
    if (!question) return question.error();
    questions.push_back(std::move(*question));
    if (questions.size() > options.rows_max) return Error{ErrorCode::limit, "more than " + std::to_string(options.rows_max) + " rows", "data"};
  }
  if (questions.empty()) return invalid(options.data.string() + ": no rows", "data");
  return questions;
}

Result<std::string> ask(httplib::Client& client, const EvaluateOptions& options, const Question& question) {
  const ordered_json body{{"model", options.model},
                          {"messages", question.messages},
                          {"temperature", 0},
                          {"max_tokens", options.tokens_max}};
  const auto answer = client.Post("/v1/chat/completions", body.dump(), "application/json");
  const auto where = "row " + std::to_string(question.line) + ": ";
  if (!answer) return Error{ErrorCode::unavailable, where + "no answer from " + options.endpoint, ""};
  const auto parsed = ordered_json::parse(answer->body, nullptr, false);
  if (answer->status != 200) {
    const auto message = parsed.is_object() && parsed.contains("error") ? parsed["error"].value("message", answer->body) : answer->body;
    return Error{answer->status == 404 ? ErrorCode::not_found : ErrorCode::unavailable, where + message, "model"};
  }
  const auto content = parsed.is_object() ? parsed.value("/choices/0/message/content"_json_pointer, ordered_json()) : ordered_json();
  if (!content.is_string()) return Error{ErrorCode::internal, where + "an answer without content", ""};
  return trimmed(content.get<std::string>());
}

}  // namespace

Result<Evaluation> evaluate(const EvaluateOptions& options, const std::function<void(std::int64_t, std::int64_t)>& progress) {
  auto questions = read_questions(options);
  if (!questions) return questions.error();
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::string> answers(questions->size());
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> done{0};
  std::optional<Error> failure;
  std::mutex mutex;
  const auto work = [&] {
    httplib::Client client(options.endpoint);
    client.set_read_timeout(300);
    client.set_keep_alive(true);
    for (std::size_t i; (i = next++) < questions->size();) {
      auto answer = ask(client, options, (*questions)[i]);
      std::lock_guard lock(mutex);
      if (!answer && !failure) failure = answer.error();
      if (failure) return;
      answers[i] = std::move(*answer);
      if (progress) progress(++done, static_cast<std::int64_t>(questions->size()));
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < std::max(1, options.concurrency); ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  if (failure) return *failure;

  Evaluation result;
  result.rows = static_cast<std::int64_t>(questions->size());
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (std::size_t i = 0; i < questions->size(); ++i) {
    const auto& question = (*questions)[i];
    result.exact += answers[i] == question.expected ? 1 : 0;
    if (result.samples.size() < 6 && i % 13 == 5)
      result.samples.push_back({question.messages.back().value("content", ""), question.expected, answers[i]});
  }
  return result;
}

}  // namespace luthier::cli
