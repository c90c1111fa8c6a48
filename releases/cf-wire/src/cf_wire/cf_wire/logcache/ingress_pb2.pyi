from cf_wire.loggregator import envelope_pb2 as _envelope_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SendRequest(_message.Message):
    __slots__ = ("envelopes", "local_only")
    ENVELOPES_FIELD_NUMBER: _ClassVar[int]
    LOCAL_ONLY_FIELD_NUMBER: _ClassVar[int]
    envelopes: _envelope_pb2.EnvelopeBatch
    local_only: bool
    def __init__(self, envelopes: _Optional[_Union[_envelope_pb2.EnvelopeBatch, _Mapping]] = ..., local_only: _Optional[bool] = ...) -> None: ...

class SendResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
