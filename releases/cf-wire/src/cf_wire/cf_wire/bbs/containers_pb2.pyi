from cf_wire.bbs import actions_pb2 as _actions_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModificationTag(_message.Message):
    __slots__ = ("epoch", "index")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    index: int
    def __init__(self, epoch: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...

class CachedDependency(_message.Message):
    __slots__ = ("name", "to", "cache_key", "log_source", "checksum_algorithm", "checksum_value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CACHE_KEY_FIELD_NUMBER: _ClassVar[int]
    LOG_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    to: str
    cache_key: str
    log_source: str
    checksum_algorithm: str
    checksum_value: str
    def __init__(self, name: _Optional[str] = ..., to: _Optional[str] = ..., cache_key: _Optional[str] = ..., log_source: _Optional[str] = ..., checksum_algorithm: _Optional[str] = ..., checksum_value: _Optional[str] = ..., **kwargs) -> None: ...

class CertificateProperties(_message.Message):
    __slots__ = ("organizational_unit",)
    ORGANIZATIONAL_UNIT_FIELD_NUMBER: _ClassVar[int]
    organizational_unit: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, organizational_unit: _Optional[_Iterable[str]] = ...) -> None: ...

class CheckDefinition(_message.Message):
    __slots__ = ("checks", "log_source", "readiness_checks")
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    LOG_SOURCE_FIELD_NUMBER: _ClassVar[int]
    READINESS_CHECKS_FIELD_NUMBER: _ClassVar[int]
    checks: _containers.RepeatedCompositeFieldContainer[Check]
    log_source: str
    readiness_checks: _containers.RepeatedCompositeFieldContainer[Check]
    def __init__(self, checks: _Optional[_Iterable[_Union[Check, _Mapping]]] = ..., log_source: _Optional[str] = ..., readiness_checks: _Optional[_Iterable[_Union[Check, _Mapping]]] = ...) -> None: ...

class Check(_message.Message):
    __slots__ = ("tcp_check", "http_check")
    TCP_CHECK_FIELD_NUMBER: _ClassVar[int]
    HTTP_CHECK_FIELD_NUMBER: _ClassVar[int]
    tcp_check: TCPCheck
    http_check: HTTPCheck
    def __init__(self, tcp_check: _Optional[_Union[TCPCheck, _Mapping]] = ..., http_check: _Optional[_Union[HTTPCheck, _Mapping]] = ...) -> None: ...

class TCPCheck(_message.Message):
    __slots__ = ("port", "connect_timeout_ms", "interval_ms")
    PORT_FIELD_NUMBER: _ClassVar[int]
    CONNECT_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    port: int
    connect_timeout_ms: int
    interval_ms: int
    def __init__(self, port: _Optional[int] = ..., connect_timeout_ms: _Optional[int] = ..., interval_ms: _Optional[int] = ...) -> None: ...

class HTTPCheck(_message.Message):
    __slots__ = ("port", "request_timeout_ms", "path", "interval_ms")
    PORT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    port: int
    request_timeout_ms: int
    path: str
    interval_ms: int
    def __init__(self, port: _Optional[int] = ..., request_timeout_ms: _Optional[int] = ..., path: _Optional[str] = ..., interval_ms: _Optional[int] = ...) -> None: ...

class ImageLayer(_message.Message):
    __slots__ = ("name", "url", "destination_path", "layer_type", "media_type", "digest_algorithm", "digest_value")
    class DigestAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DigestAlgorithmInvalid: _ClassVar[ImageLayer.DigestAlgorithm]
        SHA256: _ClassVar[ImageLayer.DigestAlgorithm]
        SHA512: _ClassVar[ImageLayer.DigestAlgorithm]
    DigestAlgorithmInvalid: ImageLayer.DigestAlgorithm
    SHA256: ImageLayer.DigestAlgorithm
    SHA512: ImageLayer.DigestAlgorithm
    class MediaType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MediaTypeInvalid: _ClassVar[ImageLayer.MediaType]
        TGZ: _ClassVar[ImageLayer.MediaType]
        TAR: _ClassVar[ImageLayer.MediaType]
        ZIP: _ClassVar[ImageLayer.MediaType]
    MediaTypeInvalid: ImageLayer.MediaType
    TGZ: ImageLayer.MediaType
    TAR: ImageLayer.MediaType
    ZIP: ImageLayer.MediaType
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LayerTypeInvalid: _ClassVar[ImageLayer.Type]
        SHARED: _ClassVar[ImageLayer.Type]
        EXCLUSIVE: _ClassVar[ImageLayer.Type]
    LayerTypeInvalid: ImageLayer.Type
    SHARED: ImageLayer.Type
    EXCLUSIVE: ImageLayer.Type
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_PATH_FIELD_NUMBER: _ClassVar[int]
    LAYER_TYPE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    DIGEST_VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    url: str
    destination_path: str
    layer_type: ImageLayer.Type
    media_type: ImageLayer.MediaType
    digest_algorithm: ImageLayer.DigestAlgorithm
    digest_value: str
    def __init__(self, name: _Optional[str] = ..., url: _Optional[str] = ..., destination_path: _Optional[str] = ..., layer_type: _Optional[_Union[ImageLayer.Type, str]] = ..., media_type: _Optional[_Union[ImageLayer.MediaType, str]] = ..., digest_algorithm: _Optional[_Union[ImageLayer.DigestAlgorithm, str]] = ..., digest_value: _Optional[str] = ...) -> None: ...

class LogRateLimit(_message.Message):
    __slots__ = ("bytes_per_second",)
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    bytes_per_second: int
    def __init__(self, bytes_per_second: _Optional[int] = ...) -> None: ...

class MetricTagValue(_message.Message):
    __slots__ = ("static", "dynamic")
    class DynamicValue(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DynamicValueInvalid: _ClassVar[MetricTagValue.DynamicValue]
        INDEX: _ClassVar[MetricTagValue.DynamicValue]
        INSTANCE_GUID: _ClassVar[MetricTagValue.DynamicValue]
    DynamicValueInvalid: MetricTagValue.DynamicValue
    INDEX: MetricTagValue.DynamicValue
    INSTANCE_GUID: MetricTagValue.DynamicValue
    STATIC_FIELD_NUMBER: _ClassVar[int]
    DYNAMIC_FIELD_NUMBER: _ClassVar[int]
    static: str
    dynamic: MetricTagValue.DynamicValue
    def __init__(self, static: _Optional[str] = ..., dynamic: _Optional[_Union[MetricTagValue.DynamicValue, str]] = ...) -> None: ...

class Network(_message.Message):
    __slots__ = ("properties",)
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    properties: _containers.ScalarMap[str, str]
    def __init__(self, properties: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PortRange(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class ICMPInfo(_message.Message):
    __slots__ = ("type", "code")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    type: int
    code: int
    def __init__(self, type: _Optional[int] = ..., code: _Optional[int] = ...) -> None: ...

class SecurityGroupRule(_message.Message):
    __slots__ = ("protocol", "destinations", "ports", "port_range", "icmp_info", "log", "annotations")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    DESTINATIONS_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    PORT_RANGE_FIELD_NUMBER: _ClassVar[int]
    ICMP_INFO_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    protocol: str
    destinations: _containers.RepeatedScalarFieldContainer[str]
    ports: _containers.RepeatedScalarFieldContainer[int]
    port_range: PortRange
    icmp_info: ICMPInfo
    log: bool
    annotations: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, protocol: _Optional[str] = ..., destinations: _Optional[_Iterable[str]] = ..., ports: _Optional[_Iterable[int]] = ..., port_range: _Optional[_Union[PortRange, _Mapping]] = ..., icmp_info: _Optional[_Union[ICMPInfo, _Mapping]] = ..., log: _Optional[bool] = ..., annotations: _Optional[_Iterable[str]] = ...) -> None: ...

class SharedDevice(_message.Message):
    __slots__ = ("volume_id", "mount_config")
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    MOUNT_CONFIG_FIELD_NUMBER: _ClassVar[int]
    volume_id: str
    mount_config: str
    def __init__(self, volume_id: _Optional[str] = ..., mount_config: _Optional[str] = ...) -> None: ...

class DedicatedDevice(_message.Message):
    __slots__ = ("mounter_id", "mount_config", "device_config")
    MOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    MOUNT_CONFIG_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    mounter_id: str
    mount_config: str
    device_config: str
    def __init__(self, mounter_id: _Optional[str] = ..., mount_config: _Optional[str] = ..., device_config: _Optional[str] = ...) -> None: ...

class VolumeMount(_message.Message):
    __slots__ = ("driver", "container_dir", "mode", "shared", "dedicated")
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_DIR_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    DEDICATED_FIELD_NUMBER: _ClassVar[int]
    driver: str
    container_dir: str
    mode: str
    shared: SharedDevice
    dedicated: DedicatedDevice
    def __init__(self, driver: _Optional[str] = ..., container_dir: _Optional[str] = ..., mode: _Optional[str] = ..., shared: _Optional[_Union[SharedDevice, _Mapping]] = ..., dedicated: _Optional[_Union[DedicatedDevice, _Mapping]] = ...) -> None: ...

class VolumePlacement(_message.Message):
    __slots__ = ("driver_names",)
    DRIVER_NAMES_FIELD_NUMBER: _ClassVar[int]
    driver_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, driver_names: _Optional[_Iterable[str]] = ...) -> None: ...

class Sidecar(_message.Message):
    __slots__ = ("action", "disk_mb", "memory_mb")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    DISK_MB_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    action: _actions_pb2.Action
    disk_mb: int
    memory_mb: int
    def __init__(self, action: _Optional[_Union[_actions_pb2.Action, _Mapping]] = ..., disk_mb: _Optional[int] = ..., memory_mb: _Optional[int] = ...) -> None: ...
