#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const CreateFileset&, const Limits&);
Decision decide(const World&, const Request&, const UpdateFileset&, const Limits&);
Decision decide(const World&, const Request&, const PutFile&, const Limits&);
Decision decide(const World&, const Request&, const DeleteFile&, const Limits&);
Decision decide(const World&, const Request&, const DeleteFileset&, const Limits&);

void evolve(World&, const Fact&, const FilesetCreated&);
void evolve(World&, const Fact&, const FilesetUpdated&);
void evolve(World&, const Fact&, const FilesetDetailsSet&);
void evolve(World&, const Fact&, const FilePut&);
void evolve(World&, const Fact&, const FileDeleted&);
void evolve(World&, const Fact&, const FilesetDeleted&);

// Of a new fileset: each is well formed, none is there twice, and none is a directory of another. `field`: "data.files".
Result<void> check_files(const std::vector<File>& files, const std::string& field, const Limits& limits);

}  // namespace luthier::events
