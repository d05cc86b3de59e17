"""The parameter types of fine-tuning jobs, also importable as nemo_platform.types.customization (see hook.py).

All are TypedDicts: at run time they are dictionaries, so a plain dictionary does as well. The server has the last word
on values and defaults; a member that is not given has the server's default.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Union

from typing_extensions import Required, TypedDict

from .models import CustomizationJob, JobOutput, JobSpec

Precision = Literal["fp8", "bf16", "fp16", "fp32"]


class ParallelismParamsParam(TypedDict, total=False):
    """How the work is spread: nodes times GPUs must be a multiple of tensor times pipeline times context parallelism."""

    num_gpus_per_node: int
    num_nodes: int
    tensor_parallel_size: int
    pipeline_parallel_size: int
    context_parallel_size: int
    expert_parallel_size: Union[int, None]  # for mixtures of experts; must divide data times context parallelism
    sequence_parallel: bool


class LoraParamsParam(TypedDict, total=False):
    """LoRA. Without `merge` the job makes an adapter, with it a full model."""

    type: Literal["lora"]
    rank: int  # 1 to 256
    alpha: int  # the scale is alpha / rank
    dropout: float  # 0 to 1
    target_modules: Union[List[str], None]  # patterns as *proj; None is every linear layer of that pattern
    merge: bool
    use_dora: bool
    quantization: Union[Dict[str, Any], None]


class _TrainingParam(TypedDict, total=False):
    peft: Union[LoraParamsParam, None]  # None trains all weights
    learning_rate: float
    min_learning_rate: Union[float, None]
    weight_decay: float
    adam_beta1: float
    adam_beta2: float
    warmup_steps: int
    optimizer: Union[str, None]
    epochs: int
    max_steps: Union[int, None]
    log_every_n_steps: Union[int, None]
    val_check_interval: Union[float, None]  # up to 1.0 a part of an epoch, above it steps
    batch_size: int  # of all devices together
    micro_batch_size: int  # of one device at a time
    sequence_packing: bool
    max_seq_length: int
    precision: Union[Precision, None]
    seed: Union[int, None]
    parallelism: ParallelismParamsParam
    execution_profile: Union[str, None]


class SftTrainingParam(_TrainingParam, total=False):
    """Supervised fine-tuning; of an embedding model too, whose rows then have query, pos_doc and neg_doc."""

    type: Required[Literal["sft"]]


class DistillationTrainingParam(_TrainingParam, total=False):
    """A student learns from a teacher of the same vocabulary."""

    type: Required[Literal["distillation"]]
    teacher_model: Required[str]
    teacher_precision: Literal["bf16", "fp16", "fp32"]
    distillation_ratio: float  # 0: only the rows, 1: only the teacher
    distillation_temperature: float


class DpoTrainingParam(_TrainingParam, total=False):
    """Direct preference optimisation, of all weights."""

    type: Required[Literal["dpo"]]
    ref_policy_kl_penalty: float
    preference_average_log_probs: bool
    sft_average_log_probs: bool
    preference_loss_weight: float
    sft_loss_weight: float
    max_grad_norm: float


class ToolCallConfigParam(TypedDict, total=False):
    tool_call_parser: Union[str, None]
    tool_call_plugin: Union[str, None]
    auto_tool_choice: Union[bool, None]


class DeploymentParamsParam(TypedDict, total=False):
    """Serve the result: an adapter is served by its base model's deployment."""

    gpu: int
    lora_enabled: bool
    additional_envs: Union[Dict[str, str], None]
    disk_size: Union[str, None]
    image_name: Union[str, None]
    image_tag: Union[str, None]
    tool_call_config: Union[ToolCallConfigParam, None]


class WandbParamsParam(TypedDict, total=False):
    project: str
    name: str
    entity: str
    tags: List[str]
    notes: str
    base_url: str
    api_key_secret: str  # the name of a secret, never the key itself


class MlflowParamsParam(TypedDict, total=False):
    experiment_name: str
    run_name: str  # the newer back ends say name
    name: str
    tags: Dict[str, str]
    description: str
    tracking_uri: str


class IntegrationParamsParam(TypedDict, total=False):
    wandb: Union[WandbParamsParam, None]
    mlflow: Union[MlflowParamsParam, None]


class OutputParam(TypedDict, total=False):
    name: Required[str]
    description: Union[str, None]


class CustomizationJobInputParam(TypedDict, total=False):
    """The spec of a classic job."""

    model: Required[str]  # workspace/name
    dataset: Required[str]  # fileset://workspace/name
    training: Required[Union[SftTrainingParam, DistillationTrainingParam, DpoTrainingParam]]
    integrations: Union[IntegrationParamsParam, None]
    deployment_config: Union[str, DeploymentParamsParam, None]  # a config's name, or what to deploy; None deploys nothing
    output: Union[OutputParam, None]
    custom_fields: Dict[str, Any]


# ------------------------------------------------------------------------------------------------ automodel


class AutomodelDatasetParam(TypedDict, total=False):
    training: Required[str]
    validation: Union[str, None]
    prompt_template: Union[str, None]


class AutomodelLoraParam(TypedDict, total=False):
    rank: int
    alpha: int
    dropout: float
    merge: bool
    target_modules: Union[List[str], None]
    exclude_modules: Union[List[str], None]
    use_triton: bool


class AutomodelTrainingParam(TypedDict, total=False):
    training_type: Literal["sft", "distillation"]
    finetuning_type: Literal["lora", "all_weights", "lora_merged"]
    lora: Union[AutomodelLoraParam, None]
    max_seq_length: int
    precision: Union[Precision, None]
    attn_implementation: Literal["sdpa", "flash_attention_2", "eager"]
    execution_profile: Union[str, None]
    teacher_model: Union[str, None]
    distillation_ratio: float
    distillation_temperature: float
    teacher_precision: Literal["bf16", "fp16", "fp32"]
    offload_teacher: bool


class AutomodelScheduleParam(TypedDict, total=False):
    epochs: int
    max_steps: Union[int, None]
    val_check_interval: Union[float, None]
    seed: Union[int, None]


class AutomodelBatchParam(TypedDict, total=False):
    global_batch_size: int
    micro_batch_size: int
    sequence_packing: bool
    sequence_packing_max_samples: int


class AutomodelOptimizerParam(TypedDict, total=False):
    learning_rate: float
    min_learning_rate: Union[float, None]
    weight_decay: float
    adam_beta1: float
    adam_beta2: float
    adam_eps: float
    warmup_steps: int
    optimizer: Literal["Adam", "AdamW"]
    lr_decay_style: Literal["cosine", "linear", "constant"]


class AutomodelJobInputParam(TypedDict, total=False):
    """The spec of an automodel job. Unknown members are refused, at every level."""

    name: Union[str, None]
    model: Required[str]
    dataset: Required[AutomodelDatasetParam]
    training: Required[AutomodelTrainingParam]
    schedule: AutomodelScheduleParam
    batch: AutomodelBatchParam
    optimizer: AutomodelOptimizerParam
    parallelism: ParallelismParamsParam
    output: Union[OutputParam, None]
    integrations: Union[IntegrationParamsParam, None]


# ------------------------------------------------------------------------------------------------ unsloth


class UnslothModelParam(TypedDict, total=False):
    name: Required[str]
    max_seq_length: int
    load_in_4bit: bool
    load_in_8bit: bool
    dtype: Literal["auto", "bfloat16", "float16", "float32"]
    trust_remote_code: bool
    device_map: Union[str, int, Dict[str, Any], None]
    rope_scaling: Union[Dict[str, Any], None]


class UnslothDatasetParam(TypedDict, total=False):
    path: Required[str]
    text_field: str
    apply_chat_template: bool
    validation_path: Union[str, None]
    packing: bool


class UnslothLoraParam(TypedDict, total=False):
    rank: int
    alpha: int
    dropout: float
    target_modules: List[str]
    bias: Literal["none", "all", "lora_only"]
    use_rslora: bool
    use_dora: bool
    random_state: int
    init_lora_weights: Union[bool, Literal["gaussian", "pissa", "olora", "loftq"]]
    loftq_config: Union[Dict[str, Any], None]
    modules_to_save: Union[List[str], None]
    layers_to_transform: Union[int, List[int], None]
    layer_replication: Union[List[List[int]], None]


class UnslothTrainingParam(TypedDict, total=False):
    training_type: Literal["sft"]
    finetuning_type: Literal["lora", "all_weights"]
    lora: Union[UnslothLoraParam, None]
    use_gradient_checkpointing: Literal["unsloth", "true", "false"]


class UnslothScheduleParam(TypedDict, total=False):
    epochs: int
    max_steps: Union[int, None]
    warmup_steps: int
    warmup_ratio: Union[float, None]
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup", "cosine_with_restarts"]
    lr_scheduler_kwargs: Union[Dict[str, Any], None]
    logging_steps: int
    save_steps: Union[int, None]
    eval_steps: Union[int, None]
    seed: int


class UnslothBatchParam(TypedDict, total=False):
    per_device_train_batch_size: int
    gradient_accumulation_steps: int


class UnslothOptimizerParam(TypedDict, total=False):
    learning_rate: float
    weight_decay: float
    optim: Literal["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "sgd"]
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    max_grad_norm: float
    label_smoothing_factor: float
    neftune_noise_alpha: Union[float, None]


class UnslothHardwareParam(TypedDict, total=False):
    gpus: Union[str, None]
    precision: Literal["bf16", "fp16"]


class UnslothOutputParam(TypedDict, total=False):
    name: Union[str, None]
    description: Union[str, None]
    save_method: Literal["lora", "merged_16bit", "merged_4bit"]


class UnslothJobInputParam(TypedDict, total=False):
    """The spec of an unsloth job: one GPU. Unknown members are refused, at every level."""

    name: Union[str, None]
    model: Required[UnslothModelParam]
    dataset: Required[UnslothDatasetParam]
    training: UnslothTrainingParam
    schedule: UnslothScheduleParam
    batch: UnslothBatchParam
    optimizer: UnslothOptimizerParam
    hardware: UnslothHardwareParam
    output: UnslothOutputParam
    integrations: Union[IntegrationParamsParam, None]
    deployment_config: Union[str, DeploymentParamsParam, None]


# ------------------------------------------------------------------------------------------------ other spellings

# Generated names spell LoRA and its like in several ways; each of them is one of the types above.
_SPELLINGS = {
    "SFTTrainingParam": "SftTrainingParam",
    "DPOTrainingParam": "DpoTrainingParam",
    "LoRaParamsParam": "LoraParamsParam",
    "LoRAParamsParam": "LoraParamsParam",
    "LoraParam": "LoraParamsParam",
    "LoRaParam": "LoraParamsParam",
    "LoRAParam": "LoraParamsParam",
    "LoraPeftParam": "LoraParamsParam",
    "ParallelismParam": "ParallelismParamsParam",
    "DeploymentParam": "DeploymentParamsParam",
    "DeploymentConfigParam": "DeploymentParamsParam",
    "IntegrationsParam": "IntegrationParamsParam",
    "IntegrationParam": "IntegrationParamsParam",
    "WandBParamsParam": "WandbParamsParam",
    "WandbParam": "WandbParamsParam",
    "WandBParam": "WandbParamsParam",
    "MLflowParamsParam": "MlflowParamsParam",
    "MlflowParam": "MlflowParamsParam",
    "CustomizationJobInput": "CustomizationJobInputParam",
    "CustomizationJobOutput": "JobSpec",
    "CustomizationOutputParam": "OutputParam",
    "OutputRequestParam": "OutputParam",
}

__all__ = [
    "AutomodelBatchParam", "AutomodelDatasetParam", "AutomodelJobInputParam", "AutomodelLoraParam", "AutomodelOptimizerParam",
    "AutomodelScheduleParam", "AutomodelTrainingParam", "CustomizationJob", "CustomizationJobInputParam", "DeploymentParamsParam",
    "DistillationTrainingParam", "DpoTrainingParam", "IntegrationParamsParam", "JobOutput", "JobSpec", "LoraParamsParam",
    "MlflowParamsParam", "OutputParam", "ParallelismParamsParam", "SftTrainingParam", "ToolCallConfigParam",
    "UnslothBatchParam", "UnslothDatasetParam", "UnslothHardwareParam", "UnslothJobInputParam", "UnslothLoraParam",
    "UnslothModelParam", "UnslothOptimizerParam", "UnslothOutputParam", "UnslothScheduleParam", "UnslothTrainingParam",
    "WandbParamsParam",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _SPELLINGS:
        return globals()[_SPELLINGS[name]]
    raise AttributeError(f"luthier_nemo.types has no {name}; a plain dictionary does wherever one of its types does")
