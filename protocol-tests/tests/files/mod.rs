//! The files of a broker as an operator meets them: what `felice serve` refuses to touch, what
//! `felice log` tells, what every later version must still read, and what is answered where files
//! are damaged.

mod damage;
mod directories;
mod fixture;
mod inspect;
mod transactions;
mod tree;
