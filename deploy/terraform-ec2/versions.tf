terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # The state names resources and no secret, but it belongs into a bucket of its own with a lock:
  #   terraform init -backend-config=bucket=NAME -backend-config=key=letterbox.tfstate -backend-config=region=REGION
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project   = var.name
      ManagedBy = "terraform"
    }
  }
}
