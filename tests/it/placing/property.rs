//! What must hold of every placement, over random clusters. The laws are the modules'; the clusters and the rules are written once.

mod asked;
mod cluster;
mod dice;
mod even;
mod past;
mod plans;
mod rules;
mod show;
mod single;
