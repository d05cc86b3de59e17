"""Prints the table of all members of the classic job's spec: defaults and refusals are asked of the server, by the guide's `client`."""

from nemo_platform import APIStatusError

MODEL, ROWS = "default/base", "fileset://default/who"

GIVEN = ("model", "dataset", "training.type", "training.peft", "training.teacher_model", "deployment_config", "output.name")

# (member, what Luthier does with it, a value that is refused or None)
MEMBERS = [
    ("model", "used: `workspace/name`, or a name in the job's workspace", "default/nobody"),
    ("dataset", "used", "hf://default/who"),
    ("training.type", "used: `sft`, `distillation` and `dpo`", "rlhf"),
    ("training.peft", "used: LoRA with an object, all weights with null", None),
    ("training.peft.type", "checked", "prompt"),
    ("training.peft.rank", "used", 0),
    ("training.peft.alpha", "used", 0),
    ("training.peft.dropout", "used", 1.5),
    ("training.peft.target_modules", "used: names and patterns; null is every linear layer but the last", []),
    ("training.peft.merge", "used: the result is a model", "perhaps"),
    ("training.peft.use_dora", "refused when true: unsloth's form has it", True),
    ("training.peft.quantization", "refused unless null: unsloth's form has it", {"precision": "4bit"}),
    ("training.learning_rate", "used", -1),
    ("training.min_learning_rate", "used: where the cosine ends", -1),
    ("training.weight_decay", "used", -1),
    ("training.adam_beta1", "used", 1),
    ("training.adam_beta2", "used", 1),
    ("training.warmup_steps", "used", -1),
    ("training.optimizer", "any name with \"adam\" in it is AdamW", "sgd"),
    ("training.epochs", "used", 0),
    ("training.max_steps", "used: ends before the epochs do", 0),
    ("training.log_every_n_steps", "accepted: every step is told", None),
    ("training.val_check_interval", "used: to 1 a fraction of an epoch, above it steps", -1),
    ("training.batch_size", "used: rows for one update", 0),
    ("training.micro_batch_size", "used: rows at a time", 0),
    ("training.sequence_packing", "used", "perhaps"),
    ("training.max_seq_length", "used: longer rows are cut", 1),
    ("training.precision", "used: `bf16` are products in bf16, null and `fp32` all in fp32; `fp16` trains in fp32, and warns", "fp8"),
    ("training.seed", "used; null is 1111", -1),
    ("training.teacher_model", "of `distillation`: used, a model with the student's tokenizer", "default/nobody"),
    ("training.teacher_precision", "of `distillation`: checked: the teacher is read as it is stored", "fp8"),
    ("training.distillation_ratio", "of `distillation`: used, 0 learns from the rows alone and 1 from the teacher alone", 1.5),
    ("training.distillation_temperature", "of `distillation`: used", 0),
    ("training.ref_policy_kl_penalty", "of `dpo`: used, the beta of its loss", 0),
    ("training.max_grad_norm", "of `dpo`: used", -1),
    ("training.preference_average_log_probs", "of `dpo`: refused when true", True),
    ("training.sft_average_log_probs", "of `dpo`: refused when true", True),
    ("training.preference_loss_weight", "of `dpo`: refused unless 1", 0.5),
    ("training.sft_loss_weight", "of `dpo`: refused unless 0", 0.5),
    ("training.parallelism.num_gpus_per_node", "checked; the job waits for so many devices, and one trains", 0),
    ("training.parallelism.num_nodes", "the same, multiplied with it", 0),
    ("training.parallelism.tensor_parallel_size", "checked", 2),
    ("training.parallelism.pipeline_parallel_size", "checked", 2),
    ("training.parallelism.context_parallel_size", "checked", 2),
    ("training.parallelism.expert_parallel_size", "checked", 2),
    ("training.parallelism.sequence_parallel", "accepted", "perhaps"),
    ("training.execution_profile", "checked: null and `default`", "fast"),
    ("integrations.wandb", "checked: `api_key_secret` must be there; nothing is sent, and the job warns", {"api_key_secret": "no-such-key"}),
    ("integrations.mlflow", "accepted; nothing is sent, and the job warns", None),
    ("deployment_config", "used: a name, an object, or null for none", "no-such-config"),
    ("deployment_config.lora_enabled", "used", False),
    ("deployment_config.gpu", "stored with the config, like `additional_envs`, `disk_size`, `image_name` and `image_tag`", 0),
    ("deployment_config.tool_call_config", "stored with the config", {"tool_call_plugin": "no slash"}),
    ("output.name", "used; null makes one of model, dataset and a number", "Not a name"),
    ("output_model", "refused", "anything"),
    ("custom_fields", "stored", "text"),
]


def training_of(member):
    """The least training that has the member."""
    verdict = dict((name, verdict) for name, verdict, _ in MEMBERS).get(member, "")
    if verdict.startswith("of `dpo`"):
        return {"type": "dpo"}
    if verdict.startswith("of `distillation`"):
        return {"type": "distillation", "teacher_model": MODEL}
    return {"type": "sft", "peft": {"type": "lora"}}


def spec_with(member, value):
    spec = {"model": MODEL, "dataset": ROWS, "training": training_of(member)}
    *path, last = member.split(".")
    place = spec
    for name in path:
        place = place.setdefault(name, {})
    place[last] = value
    return spec


def refusal(member, value):
    try:
        made = client.customization.jobs.create(spec=spec_with(member, value))  # noqa: F821
    except APIStatusError as error:
        detail = error.body["detail"]
        text = detail if isinstance(detail, str) else max(detail, key=lambda problem: len(problem["loc"]))["msg"]
        return f"{error.status_code} {text}"
    client.customization.jobs.delete(made.name)  # noqa: F821
    raise AssertionError(f"{member} = {value!r} is accepted")


def member_of(spec, member):
    for name in member.split("."):
        spec = spec.get(name) if isinstance(spec, dict) else None
    return spec


def cell(value):
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"  # noqa: F821


def resolved(member, value):
    asked = client.customization.jobs.create(spec=spec_with(member, value))  # noqa: F821
    client.customization.jobs.delete(asked.name)  # noqa: F821
    return asked.spec.to_dict(mode="json")


of_type = {
    "sft": resolved("deployment_config", {}),
    "dpo": resolved("training.max_grad_norm", 1.0),
    "distillation": resolved("training.distillation_ratio", 0.5),
}
print("| member | default | Luthier | refuses, for example |\n|---|---|---|---|")
for member, verdict, bad in MEMBERS:
    default = member_of(of_type[training_of(member)["type"]], member)
    given = member in GIVEN or default == {}
    example = "" if bad is None else f"{cell(bad)}: {refusal(member, bad)}".replace("|", "\\|")
    print(f"| `{member}` | {'' if given else cell(default)} | {verdict} | {example} |")
