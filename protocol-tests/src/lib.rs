//! Test support for the felice broker: raw protocol client, broker process handling.
