//! The protobuf wire format without copying.
