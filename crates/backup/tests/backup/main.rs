//! Backups of a machine that is a folder, made, damaged, and put back.

mod archive;
mod lab;
mod restore;
