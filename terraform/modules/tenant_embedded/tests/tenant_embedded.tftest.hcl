# Nothing is made: the provider makes real things in a real region (tests/terraform/test_life.py does).
run "example" {
  command = plan
  module {
    source = "./examples/basic"
  }
}
