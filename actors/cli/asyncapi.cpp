#include <CLI/CLI.hpp>

#include "actors/cli/context.hpp"
#include "events/codec/asyncapi.hpp"

namespace luthier::cli {

void add_asyncapi(CLI::App& app, Context& context) {
  auto& verb = *app.add_subcommand("asyncapi", "Print the NATS contract as an AsyncAPI 3 document");
  verb.callback([&context] {
    context.print(events::asyncapi_document());
    context.exit_code = exit_ok;
  });
  add_examples(verb, {"luthier asyncapi > asyncapi.json"});
}

}  // namespace luthier::cli
