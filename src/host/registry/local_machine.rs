//! Reads the registry of this machine.

use windows_registry::{LOCAL_MACHINE, Type, Value};

use super::{Registry, RegistryResult};
use crate::host::HostReadReason;

/// Windows errors as HRESULTs ([MS-ERREF], section 2.1).
const FILE_NOT_FOUND: u32 = 0x8007_0002;
const PATH_NOT_FOUND: u32 = 0x8007_0003;
const ACCESS_DENIED: u32 = 0x8007_0005;

/// `HKEY_LOCAL_MACHINE`.
pub(in crate::host) struct LocalMachine;

impl LocalMachine {
    /// Reads a value that has one of these types.
    fn value(path: &str, name: &str, types: &[Type]) -> RegistryResult<Value> {
        let value = LOCAL_MACHINE.open(path).and_then(|key| key.get_value(name));
        match value {
            Ok(value) if types.contains(&value.ty()) => Ok(Some(value)),
            Ok(_) => Err(HostReadReason::Malformed),
            Err(error) => match error.code().0.cast_unsigned() {
                FILE_NOT_FOUND | PATH_NOT_FOUND => Ok(None),
                ACCESS_DENIED => Err(HostReadReason::AccessDenied),
                _ => Err(HostReadReason::Failed),
            },
        }
    }

    fn read<T: TryFrom<Value>>(path: &str, name: &str, types: &[Type]) -> RegistryResult<T> {
        let value = Self::value(path, name, types)?;
        value.map(T::try_from).transpose().map_err(|_| HostReadReason::Malformed)
    }
}

impl Registry for LocalMachine {
    fn dword(&self, path: &str, name: &str) -> RegistryResult<u32> {
        Self::read(path, name, &[Type::U32])
    }

    fn sz(&self, path: &str, name: &str) -> RegistryResult<String> {
        Self::read(path, name, &[Type::String, Type::ExpandString])
    }

    fn multi_sz(&self, path: &str, name: &str) -> RegistryResult<Vec<String>> {
        Self::read(path, name, &[Type::MultiString])
    }

    fn binary(&self, path: &str, name: &str) -> RegistryResult<Vec<u8>> {
        Ok(Self::value(path, name, &[Type::Bytes])?.map(|value| value.to_vec()))
    }
}
