"""What the customization routes answer. Read leniently, as the client reads everything: members may be absent or new."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, List, Optional

from nemo_platform import BaseModel
from nemo_platform.types.shared.platform_job_status import PlatformJobStatus
from nemo_platform.types.shared.platform_job_step_status_response import PlatformJobStepStatusResponse

__all__ = ["CustomizationJob", "JobOutput", "JobSpec", "JobRecord"]


class JobOutput(BaseModel):
    """What the job makes. All of it is known as soon as the job is created."""

    name: str
    type: str  # "adapter" or "model"
    fileset: Optional[str] = None
    description: Optional[str] = None

    def __getitem__(self, name: str) -> Any:
        return _member(self, name)


class JobSpec(BaseModel):
    """The request's spec with every default filled in. `model`, `dataset`, `training` … are as the back end names them."""

    output: JobOutput
    model: Any = None
    dataset: Any = None
    training: Optional[Dict[str, Any]] = None
    integrations: Optional[Dict[str, Any]] = None
    deployment_config: Any = None
    custom_fields: Optional[Dict[str, Any]] = None

    def __getitem__(self, name: str) -> Any:
        return _member(self, name)


class CustomizationJob(BaseModel):
    """A fine-tuning job. The same name works under client.jobs."""

    id: Optional[str] = None
    name: str
    workspace: Optional[str] = None
    description: Optional[str] = None
    project: Optional[str] = None
    spec: JobSpec
    status: Optional[PlatformJobStatus] = None
    status_details: Optional[Dict[str, Any]] = None
    error_details: Optional[Dict[str, Any]] = None
    steps: Optional[List[PlatformJobStepStatusResponse]] = None
    ownership: Optional[Dict[str, Any]] = None
    custom_fields: Optional[Dict[str, Any]] = None
    created_at: Optional[datetime] = None
    updated_at: Optional[datetime] = None


class JobRecord(BaseModel):
    """A back end's job as its answer was, with a plain dictionary as spec."""

    name: str
    workspace: Optional[str] = None
    status: Optional[str] = None
    spec: Optional[Dict[str, Any]] = None


def _member(model: BaseModel, name: str) -> Any:
    try:
        return getattr(model, name)
    except AttributeError:
        raise KeyError(name) from None
