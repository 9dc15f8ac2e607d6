//! Directors: spoken beats become scenes with prompts.
