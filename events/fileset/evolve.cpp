#include "events/fileset/rules.hpp"

namespace luthier::events {
void evolve(World& world, const Fact& fact, const FilesetCreated& created) {
  world.filesets[{fact.workspace, fact.name}] = {.id = fact.stream.id,
                                                 .workspace = fact.workspace,
                                                 .name = fact.name,
                                                 .purpose = created.purpose,
                                                 .description = created.description,
                                                 .service = created.created_by_job.empty() ? "" : "customization",
                                                 .files = {}};
  count_new(world, "fileset", fact.workspace);
}

void evolve(World& world, const Fact& fact, const FilesetUpdated& updated) {
  FilesetState& fileset = subject(world.filesets, fact);
  fileset.description = updated.description;
  fileset.purpose = updated.purpose;
}

void evolve(World& world, const Fact& fact, const FilesetDetailsSet& set) {
  FilesetState& fileset = subject(world.filesets, fact);
  fileset.details = set.details;
  fileset.service = set.service;
}

void evolve(World& world, const Fact& fact, const FilePut& put) {
  FilesetState& fileset = subject(world.filesets, fact);
  fileset.files[put.file.path] = put.file;
  fileset.content_version = fileset.version + 1;  // that of this fact
}

void evolve(World& world, const Fact& fact, const FileDeleted& deleted) {
  FilesetState& fileset = subject(world.filesets, fact);
  fileset.files.erase(deleted.path);
  fileset.content_version = fileset.version + 1;
}

void evolve(World& world, const Fact& fact, const FilesetDeleted&) {
  world.filesets.erase({fact.workspace, fact.name});
  count_gone(world, "fileset", fact.workspace);
}

}  // namespace luthier::events
