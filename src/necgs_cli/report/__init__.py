"""Pictures of models, and of what coding did to them."""
