"""TensorFlow Serving's list of models, as its config file and HandleReloadConfigRequest have it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from google.protobuf.message import Message

from horngate.access.roots import Roots
from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import ConfigError, InvalidRequest
from horngate.inference import Inference
from horngate.lifecycle.settings import VersionOptions
from horngate.lifecycle.source import Listing
from horngate.protocols.pb.tensorflow.core.protobuf import error_codes_pb2
from horngate.protocols.pb.tensorflow_serving.apis.model_management_pb2 import (
    ReloadConfigRequest,
    ReloadConfigResponse,
)
from horngate.protocols.pb.tensorflow_serving.config.file_system_storage_path_source_pb2 import (
    FileSystemStoragePathSourceConfig,
)
from horngate.protocols.pb.tensorflow_serving.config.model_server_config_pb2 import (
    ModelConfig,
    ModelServerConfig,
)
from horngate.store.layout import check_model_name


def reload_config(
    inference: Inference, roots: Roots, request: ReloadConfigRequest, call: Call
) -> Answer[Message]:
    """Serve the models of the request and unload all others; answered when that is done.

    Raises:
        InvalidRequest: no config.
        ConfigError: a config that cannot be used, or a folder outside of ``roots``; nothing was
            changed.
        NotAllowed: the server was not started with a list of models.
        PermissionDenied: the caller may not change the server.

    The answer raises:
        LoadError: a model of which no version loads, or a label whose version is not live.
    """
    inference.check_control(call)
    if not request.HasField("config"):
        raise InvalidRequest("Invalid (missing) config in ReloadConfigRequest; send all models")
    return inference.control.replace(read_model_list(request.config, roots)).then(_done)


def _done(_: None) -> ReloadConfigResponse:
    message = ReloadConfigResponse()
    message.status.error_code = error_codes_pb2.OK
    return message


PLATFORM: Final = "tensorflow"

Policy = FileSystemStoragePathSourceConfig.ServableVersionPolicy


def read_model_list(message: ModelServerConfig, roots: Roots | None = None) -> dict[str, Listing]:
    """Every model by name.

    Args:
        message: the list.
        roots: where its folders have to be; None for an operator's own list, whose may be anywhere.

    Raises:
        ConfigError: no list, a name that is missing, twice or none that a model can have, no base
            path or one outside of ``roots``, or what is not served (another platform, request
            logging, a custom config).
    """
    if message.WhichOneof("config") != "model_config_list":
        raise ConfigError(
            "model_config_list: expected a list of models, received "
            f"{message.WhichOneof('config') or 'nothing'}"
        )
    listings: dict[str, Listing] = {}
    for config in message.model_config_list.config:
        if config.name in listings:
            raise ConfigError(f"name: expected each model once, received {config.name!r} twice")
        listings[config.name] = _listing(config, roots)
    return listings


def _listing(config: ModelConfig, roots: Roots | None) -> Listing:
    check_model_name(config.name)
    if not config.base_path:
        raise ConfigError(f"base_path: expected a folder for model {config.name!r}, received none")
    if "\0" in config.base_path:
        raise ConfigError(
            f"base_path: expected a folder for model {config.name!r}, received a name with a zero "
            "byte, which no folder has"
        )
    if config.model_platform not in ("", PLATFORM):
        raise ConfigError(
            f"model_platform: expected {PLATFORM!r} for model {config.name!r}, received "
            f"{config.model_platform!r}; leave it out: a version is a SavedModel or an ONNX model, "
            "as its folder has it"
        )
    if config.HasField("logging_config"):
        raise ConfigError(
            f"logging_config: expected none for model {config.name!r}; requests are not logged to "
            "files here"
        )
    path = config.base_path
    folder = Path(path) if roots is None else roots.check("base_path", path)
    return Listing(folder, _versions(config))


def _versions(config: ModelConfig) -> VersionOptions:
    policy = config.model_version_policy
    labels = dict(config.version_labels)
    match policy.WhichOneof("policy_choice"):
        case "all":
            return VersionOptions(all=True, labels=labels)
        case "specific":
            versions = tuple(policy.specific.versions)
            if not versions:
                raise ConfigError(
                    f"specific: expected at least one version for model {config.name!r}"
                )
            return VersionOptions(specific=versions, labels=labels)
        case _:
            return VersionOptions(latest=policy.latest.num_versions or 1, labels=labels)
